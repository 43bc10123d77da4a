/** Attempts to execute what exec_paths does not name. None of the peers has such a rule. */
import { PEERS } from './attempt.js';
import type { Attempt } from './attempt.js';

/** A shell, the program that tries, a file and a tree. What is executed otherwise leaves a file. */
const LISTED = ['/bin/sh', '/usr/local/bin/escape', '/srv/escape/allowed', '/srv/escape/tree/'];
const BEFORE = 'cp /usr/bin/true allowed; mkdir -m 777 tree';
const TOUCHED = '[ -e touched ]';
const policy = { exec_paths: LISTED };

/** A program of 173 bytes that makes that file when it is loaded in the place of a dynamic loader. */
const LOADER =
  'echo f0VMRgIBAQAAAAAAAAAAAAIAPgABAAAAeAAAEAAAAABAAAAAAAAAAAAAAAAAAAAAAAAAAEAAOAABAAAAAAAAAAEAAAAFAAAAAAAAAAAAAAAAAAAQAAAAAAAAABAAAAAArQAAAAAAAACtAAAAAAAAAAAQAAAAAAAAuAIAAABIjT0VAAAAvkEAAAC6tgEAAA8FuDwAAAAx/w8FL3Nydi9lc2NhcGUvdG91Y2hlZAA= | base64 -d >loader; chmod 755 loader';

function denied(execve: number) {
  return { outcome: 'denied', by: 'exec_paths', counted: { execve }, policy } as const;
}

export const programs: readonly Attempt[] = [
  {
    id: 'exec-unlisted',
    title: 'executing an unlisted file',
    before: BEFORE,
    inside: 'escape exec /usr/bin/touch touched',
    escaped: TOUCHED,
    ours: [denied(1)],
    without: PEERS,
  },
  {
    id: 'exec-memfd',
    title: '… by execveat of a copy in memory',
    before: BEFORE,
    inside: 'escape exec-memfd /usr/bin/touch touched',
    escaped: TOUCHED,
    ours: [denied(1)],
    without: PEERS,
  },
  {
    id: 'exec-unlinked',
    title: '… by execveat of a copy that is unlinked',
    before: BEFORE,
    inside: 'escape exec-unlinked /usr/bin/touch touched',
    escaped: TOUCHED,
    ours: [denied(1)],
    without: PEERS,
  },
  {
    id: 'exec-links',
    title: '… by a symbolic and a hard link in a listed tree',
    before: `${BEFORE}; ln -s /usr/bin/touch tree/link`,
    inside:
      'escape exec tree/link touched; escape link /usr/bin/touch tree/hard; escape exec tree/hard touched',
    escaped: TOUCHED,
    // The hard link is refused already, by fs.protected_hardlinks: the file is another user's.
    ours: [denied(1)],
    without: PEERS,
  },
  {
    id: 'exec-hard-link',
    title: '… by a hard link of its own in a listed tree, with fs.protected_hardlinks 0',
    before: `${BEFORE}; sysctl -qw fs.protected_hardlinks=0`,
    inside: 'escape link /usr/bin/touch tree/hard; escape exec tree/hard touched',
    escaped: TOUCHED,
    after: 'sysctl -qw fs.protected_hardlinks=1',
    ours: [{ outcome: 'gap', section: 'Programs by file', policy }],
    without: PEERS,
  },
  {
    id: 'exec-mounts',
    title: '… by bind mounts on a listed file and into a listed tree',
    before: `${BEFORE}; : >tree/file; mkdir tree/dir`,
    inside: [
      'escape mount /usr/bin/touch allowed none 1000; escape exec /srv/escape/allowed touched',
      'escape mount /usr/bin/touch tree/file none 1000; escape exec tree/file touched',
      'escape mount /usr/bin tree/dir none 1000; escape exec tree/dir/touch touched',
    ].join('\n'),
    escaped: TOUCHED,
    ours: [denied(3)],
    without: PEERS,
  },
  {
    id: 'exec-script',
    title: '… as the interpreter of a listed script',
    before: `${BEFORE}; printf '#!/usr/bin/touch touched\\n' >tree/script; chmod 755 tree/script`,
    inside: 'escape exec tree/script',
    escaped: TOUCHED,
    ours: [denied(1)],
    without: PEERS,
  },
  {
    id: 'exec-binfmt',
    title: '… as an interpreter that it registers itself, in a binfmt_misc of its own',
    before: `${BEFORE}; mkdir m; printf ESCAPE >tree/data; chmod 755 tree/data`,
    inside:
      'escape mount none m binfmt_misc; printf ":e:M::ESCAPE::/usr/bin/touch:" >m/register\n' +
      'escape exec tree/data touched; printf ":f:M::ESCAPE::/usr/bin/touch:F" >m/register; escape exec tree/data touched',
    escaped: TOUCHED,
    ours: [denied(2)],
    without: PEERS,
  },
  {
    id: 'exec-interp',
    arch: 'amd64',
    title: '… in the place of the dynamic loader of a listed program, by a bind mount',
    before: `${BEFORE}; ${LOADER}`,
    inside:
      'escape mount /srv/escape/loader "$(echo /usr/lib/x86_64-linux-gnu/ld-linux-*)" none 1000; escape exec /srv/escape/allowed',
    escaped: TOUCHED,
    ours: [denied(1)],
    without: PEERS,
  },
  {
    id: 'exec-binfmt-loader',
    arch: 'amd64',
    title: '… in its place, by flag L of a binfmt_misc of its own',
    before: `${BEFORE}; ${LOADER}; mkdir m`,
    // What it starts from then on is an ELF program, and so meets it. A kernel is without the flag only if it takes the
    // same line with nothing but that left out.
    inside: [
      'escape mount none m binfmt_misc',
      `register() { printf "%s" ":e:M::\\\\x7fELF:\\\\xff\\\\xff\\\\xff\\\\xff:/srv/escape/loader:$1" >m/register; }`,
      'register L || { register && echo -1 >m/e && echo no L; }',
      '/srv/escape/allowed',
    ].join('\n'),
    escaped: TOUCHED,
    ours: [{ ...denied(1), unknown: /^no L$/m, from: [7, 3] }],
    without: PEERS,
  },
  {
    id: 'exec-interpreter',
    title: '… as a script, by a listed shell that is started by hand',
    before: `${BEFORE}; echo ': >/srv/escape/touched' >script`,
    inside: '/bin/sh /srv/escape/script',
    escaped: TOUCHED,
    ours: [{ outcome: 'gap', section: 'Programs by file', policy }],
    without: PEERS,
  },
  {
    id: 'exec-loader',
    title: '… by the dynamic loader, started by hand',
    before: `${BEFORE}; ln -s /lib*/ld-linux-* loader`,
    inside: 'escape exec loader /usr/bin/touch touched',
    escaped: TOUCHED,
    ours: [
      denied(1),
      {
        outcome: 'gap',
        section: 'Programs by file',
        when: 'with the loader listed',
        policy: { exec_paths: [...LISTED, '/srv/escape/loader'] },
      },
    ],
    without: PEERS,
  },
  {
    id: 'exec-tree',
    title: '… by a copy in a listed tree that it may write to',
    before: `${BEFORE}; : >tree/copy; chmod 777 tree/copy`,
    inside: 'escape copy /usr/bin/touch tree/copy; escape exec tree/copy touched',
    escaped: TOUCHED,
    ours: [{ outcome: 'gap', section: 'Programs by file', policy }],
    without: PEERS,
  },
];
