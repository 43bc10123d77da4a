/** The list of system calls that somebody has read: its form, and the hooks that it relies on. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { repository } from '../../harness.config.js';
import { parseReviewed, readReviewed } from '../support/reviewed.js';

test('KERNEL-24: each hook that the list of system calls relies on is one of the module', async () => {
  const source = await readFile(join(repository, 'module/hooks.c'), 'utf8');
  const hooks = new Set(
    [...source.matchAll(/SWARM_HOOK\((?:SWARM_SYSCALL_\w+ )?"(\w+)"/g)].map(([, name]) => name),
  );
  const reviews = await readReviewed();
  const named = new Set(reviews.flatMap((review) => review.hooks));
  expect([...named].filter((hook) => !hooks.has(hook))).toEqual([]);
  expect(reviews.find(({ name }) => name === 'clone3')).toMatchObject({ reaches: 'PN' });
});

/** The calls by which vm/sockets and vm/reach make the kernel ask for modules (AUTOLOAD-01 to -03), and their likes. */
const LOADING: readonly string[] = [
  ...[
    'mount',
    'fsopen',
    'fsconfig',
    'socket',
    'socketpair',
    'socketcall',
    'bind',
    'setsockopt',
    'getsockopt',
  ],
  ...[
    'send',
    'sendto',
    'sendmsg',
    'sendmmsg',
    'write',
    'writev',
    'pwritev2',
    'splice',
    'sendfile',
    'io_submit',
  ],
  ...[
    'open',
    'openat',
    'openat2',
    'open_by_handle_at',
    'creat',
    'execve',
    'execveat',
    'ioctl',
    'io_uring_enter',
  ],
  ...['add_key', 'keyctl', 'swapon', 'quotactl', 'quotactl_fd', 'listen'],
];

test('KERNEL-27: the list names the hook on module loading for each call that can make the kernel load one', async () => {
  const reviews = new Map((await readReviewed()).map((review) => [review.name, review]));
  const hook = 'security_kernel_module_request';
  const lacking = LOADING.filter((name) => !reviews.get(name)?.hooks.includes(hook));
  expect(lacking).toEqual([]);
  // Whoever loads a module has the kernel start modprobe.
  const silent = [...reviews.values()].filter(
    ({ hooks, reaches }) => hooks.includes(hook) && !reaches.includes('P'),
  );
  expect(silent).toEqual([]);
});

test('KERNEL-25: a malformed line of the list of system calls is refused with its number', () => {
  const refused: [text: string, message: RegExp][] = [
    ['access -----\nbreak ----\n', /reviewed:2: expected a name, five answers/],
    ['access -----\naccess -----\n', /reviewed:2: access stands behind access; sort the lines/],
    ['# head\nbreak -----\naccess -----\n', /reviewed:3: access stands behind break/],
    ['clone P----\n', /reviewed:1: clone needs hooks, or "-"/],
    ['access -----  kernel_clone\n', /reviewed:1: access needs hooks/],
    ['clone P----  -\n', /reviewed:1: clone is decided by no hook; say why/],
    ['clone -P---  kernel_clone\n', /reviewed:1: expected/],
  ];
  for (const [text, message] of refused) expect(() => parseReviewed(text), text).toThrow(message);
  expect(parseReviewed('clone PN---  kernel_clone create_user_ns  # by all\n')).toEqual([
    { name: 'clone', reaches: 'PN', hooks: ['kernel_clone', 'create_user_ns'], because: 'by all' },
  ]);
});
