/** Checks of the module: whether it is there, may be loaded, and is loaded as one would want. */
import { PARAMETERS } from '../abi/parameters.js';
import { failure, grouped, note, ok, warning } from './check.js';
import type { Check } from './check.js';
import { isLoaded, parameter, release, sysctl } from './facts.js';
import type { Facts } from './facts.js';
import { installed } from './machine.js';

const loaded: Check = {
  id: 'module',
  title: 'Module',
  looksAt: '`/proc/swarm/status`, `/sys/module/swarm_guard`, `/lib/modules/$(uname -r)/modules.dep`',
  means: 'The module enforces everything. Without it there are no agents.',
  todo: '`modprobe swarm_guard`; if it is not installed for this kernel, build and install it ([install.md](install.md#the-module-on-your-own-kernel)), or use dkms',
  symptoms: [
    {
      place: 'insmod',
      says: 'Module swarm_guard not found',
      reason: 'it is not installed for this kernel',
      todo: 'build and install it again ([install.md](install.md#the-module-on-your-own-kernel)), or use dkms',
    },
  ],
  judge: (facts) => {
    if (isLoaded(facts)) {
      const version = facts.read('/sys/module/swarm_guard/version')?.trim();
      return ok(`The module is loaded${version === undefined ? '' : `, version ${version}`}.`);
    }
    const state = facts.read('/sys/module/swarm_guard/initstate')?.trim();
    if (state !== undefined)
      return failure(
        `The module is being loaded or unloaded (${state}).`,
        'wait a few seconds, and look again',
      );
    return installed(facts) === undefined
      ? failure(
          `The module is not loaded, and not installed for ${release(facts)}.`,
          'build and install it: make -C module && make -C module install && modprobe swarm_guard; or use dkms',
        )
      : failure('The module is not loaded.', 'modprobe swarm_guard');
  },
};

/** Says whether anything makes the kernel refuse modules without a signature, and what. */
function demanding(facts: Facts): string | undefined {
  if (facts.read('/sys/module/module/parameters/sig_enforce')?.trim() === 'Y') return 'module.sig_enforce=1';
  const lockdown = /\[(\w+)\]/.exec(facts.read('/sys/kernel/security/lockdown') ?? '')?.[1];
  return lockdown === undefined || lockdown === 'none' ? undefined : `lockdown=${lockdown}`;
}

/** The end of a file that scripts/sign-file has signed: include/linux/module_signature.h. */
const SIGNED = '~Module signature appended~\n';

const signature: Check = {
  id: 'signature',
  title: 'Signature',
  looksAt:
    '`/sys/module/module/parameters/sig_enforce`, `/sys/kernel/security/lockdown`, `/sys/module/swarm_guard/taint`, the end of `swarm_guard.ko`',
  means: 'A kernel that enforces signatures loads only modules that are signed with a key that it trusts.',
  todo: 'enrol a key with `mokutil --import`, and sign the module with it ([install.md](install.md#the-module-on-your-own-kernel))',
  symptoms: [
    {
      place: 'insmod',
      says: 'Key was rejected by service',
      reason: 'the module is signed with a key that the kernel does not trust',
    },
    {
      place: 'insmod',
      says: 'Required key not available',
      reason:
        'Secure Boot, or `module.sig_enforce=1`: the module is not signed with a key that the kernel trusts',
    },
  ],
  judge: (facts) => {
    const demand = demanding(facts);
    // E of the taint: a module without a valid signature (Documentation/admin-guide/tainted-kernels.rst).
    const unsigned = facts.read('/sys/module/swarm_guard/taint')?.includes('E') === true;
    if (isLoaded(facts))
      return unsigned
        ? note(
            'The loaded module has no signature that the kernel trusts; the kernel does not ask for one.',
            'nothing, unless this machine is to use Secure Boot: then sign the module',
          )
        : ok('The kernel has accepted the loaded module.');
    if (demand === undefined) return ok('The kernel loads modules without a signature.');
    const file = installed(facts);
    if (file === undefined) return warning(`The kernel loads only signed modules (${demand}).`);
    const content = file.endsWith('.ko') ? facts.bytes(`/lib/modules/${release(facts)}/${file}`) : undefined;
    if (content === undefined)
      return note(
        `The kernel loads only signed modules (${demand}). Whether ${file} is signed cannot be seen.`,
        'modinfo -F signer swarm_guard prints who has signed it',
      );
    return content.toString('latin1').endsWith(SIGNED)
      ? ok(`The kernel loads only signed modules (${demand}), and ${file} is signed.`)
      : failure(`The kernel loads only signed modules (${demand}), and ${file} is not signed.`);
  },
};

const SECURE_BOOT = '/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c';

const secureBoot: Check = {
  id: 'secure-boot',
  title: 'Secure Boot',
  looksAt: '`/sys/firmware/efi/efivars/SecureBoot-…`, `/sys/kernel/security/lockdown`',
  means: 'With Secure Boot the kernel locks itself down, and loads only signed modules.',
  todo: 'sign the module (see the check `signature`)',
  judge: (facts) => {
    // Four bytes of attributes, then the value: Documentation/filesystems/efivarfs.rst.
    if (facts.exists('/sys/firmware/efi') && (facts.list('/sys/firmware/efi/efivars') ?? []).length === 0)
      return note('Whether Secure Boot is on cannot be seen: efivarfs is not mounted.');
    const on = facts.bytes(SECURE_BOOT)?.at(4) === 1;
    const demand = demanding(facts);
    if (on && demand === undefined)
      return note('Secure Boot is on, but the kernel does not ask for signatures.');
    if (on)
      return isLoaded(facts)
        ? ok(`Secure Boot is on (${demand ?? ''}), and the module is loaded.`)
        : warning(`Secure Boot is on (${demand ?? ''}).`);
    return ok(
      demand === undefined ? 'Secure Boot is off.' : `Secure Boot is off, but the kernel has ${demand}.`,
    );
  },
};

const enforcing: Check = {
  id: 'enforce',
  title: 'Enforcement',
  looksAt: '`/sys/module/swarm_guard/parameters/enforce`',
  means: 'With `enforce=0` the module only reports what policies deny.',
  todo: 'load the module again without `enforce=0`',
  symptoms: [
    {
      place: 'log',
      says: 'policies are only reported on, not enforced',
      reason: 'the module was loaded with `enforce=0`',
      todo: 'unload it, and load it without `enforce=0`',
    },
  ],
  judge: (facts) =>
    parameter(facts, 'enforce', PARAMETERS.enforce.default) === '0'
      ? warning('The module was loaded with enforce=0: it reports what policies deny, and lets it happen.')
      : ok(
          isLoaded(facts)
            ? 'The module enforces policies.'
            : 'Policies will be enforced, unless the module is loaded with enforce=0.',
        ),
};

/** The lines `name:first:count` of /etc/subuid or /etc/subgid that share ids with a range: subuid(5). */
function overlapping(text: string | undefined, first: number, behind: number): string[] {
  return (text ?? '').split('\n').filter((line) => {
    const [, start, count] = /^[^:#]+:(\d+):(\d+)$/.exec(line.trim()) ?? [];
    return start !== undefined && Number(start) < behind && Number(start) + Number(count) > first;
  });
}

/** The range of user and group ids that agents share out: first, how many each, how many ranges there are. */
export function idRange(facts: Facts): { first: number; each: number; ranges: number } {
  const first = Number(parameter(facts, 'id_base', PARAMETERS.id_base.default));
  const each = Number(parameter(facts, 'id_count', PARAMETERS.id_count.default));
  // Id 4294967295 means "no id" to the kernel (module/main.c).
  return { first, each, ranges: Math.floor((4294967295 - first) / Math.max(1, each)) };
}

/** The most active agents. */
export function maxAgents(facts: Facts): number {
  return Number(parameter(facts, 'max_agents', PARAMETERS.max_agents.default));
}

const ids: Check = {
  id: 'ids',
  title: 'User ids',
  looksAt: '`/sys/module/swarm_guard/parameters/id_base`, `/etc/subuid`, `/etc/subgid`',
  means: 'Each agent has user and group ids of its own. Nobody else may have the same ones.',
  todo: 'load the module with another `id_base`, or give the users of `/etc/subuid` and `/etc/subgid` other ids',
  symptoms: [
    {
      place: 'log',
      says: 'id_base and id_count must be at least 1 and fit below 4294967295',
      reason: 'the parameters leave no ids for agents',
      todo: 'load the module with a lower `id_base` or `id_count`',
    },
  ],
  judge: (facts) => {
    const { first, each, ranges } = idRange(facts);
    const behind = first + each * Math.min(ranges, maxAgents(facts));
    const shared = [
      ...overlapping(facts.read('/etc/subuid'), first, behind),
      ...overlapping(facts.read('/etc/subgid'), first, behind),
    ];
    if (shared.length > 0)
      return warning(
        `Agents have ids from ${first} on, which others have too: ${[...new Set(shared)].join(', ')}.`,
      );
    return ok(`Agents have ids from ${first} on, ${grouped(each)} each: room for ${grouped(ranges)} agents.`);
  },
};

const autoload: Check = {
  id: 'modules-disabled',
  title: 'Loading of modules',
  looksAt: '`kernel.modules_disabled`, `kernel.modprobe`',
  means:
    'A kernel with `kernel.modules_disabled=1` loads no module until the next boot. `kernel.modprobe` names the program that the kernel runs, outside agents, if a program needs a module.',
  todo: 'load the module before `kernel.modules_disabled` is set; only a reboot resets it',
  symptoms: [
    {
      place: 'insmod',
      says: 'Operation not permitted',
      reason:
        'you are not root, you are in a container, `kernel.modules_disabled` is 1, or the kernel is locked down and the module is not signed',
      todo: '`swarmctl doctor` says which',
    },
  ],
  judge: (facts) => {
    const disabled = sysctl(facts, 'kernel.modules_disabled') === 1;
    const helper = facts.read('/proc/sys/kernel/modprobe')?.trim() ?? '';
    if (disabled && !isLoaded(facts))
      return failure('kernel.modules_disabled is 1: no module can be loaded until the next boot.');
    if (disabled)
      return note(
        'kernel.modules_disabled is 1: once unloaded, the module cannot be loaded before the next boot.',
      );
    return ok(
      helper === ''
        ? 'Modules can be loaded, but the kernel loads none by itself (kernel.modprobe is empty).'
        : `Modules can be loaded. The kernel runs ${helper} if one is needed; agents cannot cause that by default.`,
    );
  },
};

/** In the order of the report. */
export const MODULE: readonly Check[] = [loaded, signature, secureBoot, autoload, enforcing, ids];
