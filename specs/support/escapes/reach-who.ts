/** The tools and users that are compared by what `reach` reaches, and the command line of each. */
import { COMMAND_LINES } from './command-lines.js';

/** Everybody who is compared, in the order of the table. */
export const WHO = ['root', 'agent', 'docker', 'systemd', 'crun', 'bwrap', 'user'] as const;
export type Who = (typeof WHO)[number];

const DOCKER = 'docker run --rm --network none reach /usr/local/bin/reach';

/** The options by which systemd.exec(5) sandboxes a service. */
const SANDBOX = [
  ...['DynamicUser=yes', 'NoNewPrivileges=yes', 'CapabilityBoundingSet=', 'PrivateDevices=yes'],
  ...['PrivateNetwork=yes', 'PrivateTmp=yes', 'PrivateUsers=yes', 'ProtectSystem=strict', 'ProtectHome=yes'],
  ...['ProtectKernelTunables=yes', 'ProtectKernelModules=yes', 'ProtectKernelLogs=yes'],
  ...['ProtectControlGroups=yes', 'ProtectClock=yes', 'ProtectHostname=yes', 'ProtectProc=invisible'],
  ...['RestrictNamespaces=yes', 'RestrictRealtime=yes', 'RestrictSUIDSGID=yes', 'LockPersonality=yes'],
  ...['RestrictAddressFamilies="AF_UNIX AF_INET AF_INET6 AF_NETLINK"', 'MemoryDenyWriteExecute=yes'],
  ...['SystemCallArchitectures=native', 'SystemCallFilter=@system-service', 'SystemCallErrorNumber=EPERM'],
];

const SYSTEMD = `systemd-run --pipe --wait --quiet ${SANDBOX.map((each) => `-p ${each}`).join(' ')}`;
const USER = 'setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all --bounding-set=-all';

/** The name and the command line of each tool; a program follows the line, or the word `reach`. */
export const PEOPLE: Readonly<Record<Who, { readonly name: string; readonly how: string }>> = {
  root: { name: 'root outside', how: 'unconfined, in the initial namespaces' },
  agent: { name: 'SwarmGuard', how: 'an agent with the default policy, `{"spawn":true}`' },
  docker: {
    name: 'Docker',
    how: `runc by dockerd with its defaults: its seccomp profile, capabilities and masked paths, without AppArmor: \`${DOCKER}\``,
  },
  systemd: { name: 'systemd-run', how: `\`${SYSTEMD} reach\`` },
  crun: {
    name: 'crun',
    how: 'root, with the configuration that `crun spec` writes, on a bind mount of the root of the guest, with a tmpfs on /tmp; no seccomp profile',
  },
  bwrap: { name: 'bubblewrap', how: `root, \`${COMMAND_LINES.bwrap} -- reach\`` },
  user: { name: 'an unprivileged user', how: `\`${USER} reach\`` },
};

/** The command line of each who has one, with a program. */
export function commandOf(who: Exclude<Who, 'agent'>, program: string): string {
  const commands: Record<Exclude<Who, 'agent'>, string> = {
    root: program,
    docker: DOCKER,
    systemd: `${SYSTEMD} ${program}`,
    crun: 'crun run --bundle /srv/crun reach',
    bwrap: `${COMMAND_LINES.bwrap} -- ${program}`,
    user: `${USER} ${program}`,
  };
  return commands[who];
}
