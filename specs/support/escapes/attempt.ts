/** The form of an attempt to escape. The corpus is data; run.ts runs it. */
import type { Kind } from '../../../client/abi/names.js';
import type { AgentRequest } from '../../../client/client.js';
import type { Architecture } from '../../../harness/util/architecture.js';

/** The answer that SwarmGuard must give under a policy. */
export type Expected =
  | {
      readonly outcome: 'denied';
      /** The rule of ours, or what of the kernel, that denies it. */
      readonly by: string;
      /** The violations that are counted; none if the kernel denies it by itself. */
      readonly counted?: Partial<Record<Kind, number>>;
      /** The answer of a kernel that does not have the call yet: then there is nothing to count. */
      readonly unknown?: RegExp;
      /** The Linux, by its two numbers, from which on no kernel that is tested may answer so. */
      readonly from?: readonly [number, number];
    }
  | {
      readonly outcome: 'gap';
      /** The heading of docs/threat-model.md that says so. */
      readonly section: string;
      /** The rule that denies it by default, such as `bpf rule`; it succeeds only if everything is allowed. */
      readonly byDefault?: string;
      readonly counted?: Partial<Record<Kind, number>>;
    };

export type Case = Expected & {
  readonly policy?: AgentRequest;
  /** The policy in words, where it does not speak for itself. */
  readonly when?: string;
};

export const PEERS = ['crun', 'runc', 'bwrap', 'unshare'] as const;
export type Peer = (typeof PEERS)[number];

export interface Attempt {
  readonly id: string;
  /** The attempt in words, as the table has it. */
  readonly title: string;
  /** The only architecture on which there is what is tried. */
  readonly arch?: Architecture;
  /** A file that a kernel has which has what is tried. */
  readonly needs?: string;
  /** A shell line outside, before; as root, in the shared directory. */
  readonly before?: string;
  /** Statements of the shell that launches: descriptors, limits. */
  readonly under?: string;
  /** A command that the launcher is started by. */
  readonly wrap?: string;
  /** The shell lines that run inside. */
  readonly inside: string;
  /** The processes that tried stay while they are looked at: `escape --hold` is the last of them. */
  readonly hold?: boolean;
  /** A shell line outside that succeeds if the attempt did. */
  readonly escaped: string;
  /** A shell line outside, in the end. */
  readonly after?: string;
  /** The answers of SwarmGuard; the table has the first one first. */
  readonly ours: readonly [Case, ...Case[]];
  /** Peers that have no rule or limit of this kind: nothing to escape from. */
  readonly without?: readonly Peer[];
}

/** Every kernel namespace of a launcher, at descriptors 5 to 12. */
export const NAMESPACE_FDS =
  'exec 5</proc/1/ns/uts 6</proc/1/ns/ipc 7</proc/1/ns/net 8</proc/1/ns/mnt 9</proc/1/ns/cgroup' +
  ' 10</proc/1/ns/user 11</proc/1/ns/pid 12</proc/1/ns/time';

/** A process outside; inside, $pid and $address name it and a string in it. */
export const VICTIM =
  'mknod -m 666 kmsg c 1 11; read -r address pid <<<"$(outside victim secret-$MARK | figures)"; echo "pid=$pid address=$address" >vars';

/** The device that is not listed, at a node that everybody may open. */
export const NODE = 'mknod -m 666 kmsg c 1 11';

/** Something was written to that device. */
export const LOGGED = 'dmesg | grep -qF "] $MARK"';

/** A program that the kernel may start, outside and as root. */
export const HELPER =
  'printf \'#!/bin/sh\\necho "$(id -u) $*" >/srv/escape/ran\\n\' >helper; chmod 755 helper';
