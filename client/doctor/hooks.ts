/** Checks of function tracing, on which the module's hooks stand. */
import { failure, note, ok } from './check.js';
import type { Check } from './check.js';
import { isLoaded, sysctl } from './facts.js';
import type { Facts } from './facts.js';

/** The functions that the module redirects as it is loaded (module/hooks.c), but for system calls. */
export const HOOKED: readonly string[] = [
  'kernel_clone',
  'create_user_ns',
  'security_bprm_check',
  'security_bprm_creds_for_exec',
  'would_dump',
  'begin_new_exec',
  'devcgroup_check_permission',
  'ptm_open_peer',
  'security_socket_create',
  'security_socket_bind',
  'security_socket_connect',
  'unix_dgram_sendmsg',
  'security_kernel_module_request',
  // One or the other (module/compat/compat.h).
  'vfs_coredump',
  'do_coredump',
  'ksys_unshare',
  'cgroup_attach_task',
  'security_ptrace_access_check',
];

/** The system calls among them, which each architecture has under a name of its own. */
export const HOOKED_CALLS: readonly string[] = ['setns', 'open_tree', 'open_tree_attr', 'fsmount'];

/** Does the module redirect this function as it is loaded? */
function isHooked(name: string): boolean {
  const [, call] = /^__(?:x64|ia32|arm64)_sys_(\w+)$/.exec(name) ?? [];
  return HOOKED.includes(name) || (call !== undefined && HOOKED_CALLS.includes(call));
}

const ftrace: Check = {
  id: 'ftrace',
  title: 'Function tracing',
  looksAt: '`kernel.ftrace_enabled`',
  means: "The module's hooks are ftrace's. If tracing of functions is switched off, it does not load.",
  todo: '`sysctl kernel.ftrace_enabled=1`',
  symptoms: [
    {
      place: 'log',
      says: '… cannot be hooked: tracing of functions is switched off',
      reason: '`kernel.ftrace_enabled` is 0',
    },
  ],
  judge: (facts) => {
    const enabled = sysctl(facts, 'kernel.ftrace_enabled');
    // The hooks are permanent: while they are there, the kernel refuses to switch tracing off (kernel/trace/ftrace.c).
    if (isLoaded(facts)) return ok('The module has its hooks, and the kernel keeps them.');
    if (enabled === undefined)
      return note(
        'There is no kernel.ftrace_enabled to be read: the kernel may be built without function tracing.',
      );
    return enabled === 0 ? failure('kernel.ftrace_enabled is 0.') : ok('Functions can be traced.');
  },
};

/** The functions that somebody redirects, or calls directly, as tracefs lists them. */
function redirected(facts: Facts): { redirected: string[]; direct: string[] } | undefined {
  const text =
    facts.read('/sys/kernel/tracing/enabled_functions') ??
    facts.read('/sys/kernel/debug/tracing/enabled_functions');
  if (text === undefined) return undefined;
  // `kernel_clone (1) R I D`: t_show() of kernel/trace/ftrace.c; I is IPMODIFY, which one alone may have.
  const lines = text.split('\n').map((line) => /^(\S+)(?: \[\w+\])? \(\d+\)(.{0,8})/.exec(line));
  const flagged = (flag: string) =>
    lines.flatMap((line) => (line?.[1] !== undefined && line[2]?.includes(flag) === true ? [line[1]] : []));
  return { redirected: flagged('I').filter(isHooked), direct: flagged('D').filter(isHooked) };
}

/** The functions that live patches replace: /sys/kernel/livepatch/PATCH/OBJECT/FUNCTION,SYMPOS. */
function patched(facts: Facts): string[] {
  const at = '/sys/kernel/livepatch';
  return (facts.list(at) ?? []).flatMap((patch) =>
    (facts.list(`${at}/${patch}/vmlinux`) ?? []).flatMap((entry) => {
      const name = entry.split(',', 1)[0] ?? '';
      return isHooked(name) ? [`${name} (live patch ${patch})`] : [];
    }),
  );
}

const owners: Check = {
  id: 'hooks',
  title: 'Hooks of others',
  looksAt: '`/sys/kernel/livepatch`, `enabled_functions` of tracefs',
  means: 'Only one module or live patch can redirect a function of the kernel.',
  todo: 'disable the live patch, or unload the other module',
  symptoms: [
    {
      place: 'log',
      says: '… cannot be hooked: a live patch or another module has redirected it',
      reason: 'only one of them may redirect a function',
    },
  ],
  judge: (facts) => {
    if (isLoaded(facts)) return ok('The module has all its hooks.');
    const patches = patched(facts);
    const traced = redirected(facts);
    const names = patches.length > 0 ? patches : (traced?.redirected ?? []);
    if (names.length > 0)
      return failure(`Others have redirected what the module must hook: ${names.join(', ')}.`);
    if (traced === undefined)
      return note(
        'Whether others have redirected functions of the kernel cannot be seen: there is no tracefs to read.',
        'mount -t tracefs tracefs /sys/kernel/tracing, as root',
      );
    if (traced.direct.length > 0)
      return note(`BPF programs are attached to ${traced.direct.join(', ')}. The module can hook these too.`);
    return ok('Nobody has redirected what the module must hook.');
  },
};

/** In the order of the report. */
export const HOOKS: readonly Check[] = [ftrace, owners];
