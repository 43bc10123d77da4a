/** Attempts on processes outside, and by descendants that try not to be found. */
import { LOGGED, NODE, VICTIM } from './attempt.js';
import type { Attempt, Case } from './attempt.js';

const SHARED = { namespace_flags: 126 };
const ALIVE = { after: 'kill $pid 2>/dev/null' };
const DEAD = '! kill -0 $pid';
const CHANGED = '[ "$(outside peek $pid $address)" != untouched ]';
/** Its processes are named nowhere; where they are, they are another user's. */
const OUTSIDE: readonly [Case, Case] = [
  { outcome: 'denied', by: 'pid namespace' },
  { outcome: 'denied', by: 'own user ids', policy: SHARED },
];
/** Its processes are in no /proc that it sees; where they are, they are another user's. */
const BY_PROC: readonly [Case, Case] = [
  { outcome: 'denied', by: 'own procfs' },
  { outcome: 'denied', by: 'own user ids', policy: { proc: false }, when: "the launcher's /proc" },
];
/** Enters the container as root does to attach a process to it; inside, $pid and $address name what entered. */
const ENTERED = [
  `{ until target=$(pgrep -nf '^/bin/sh /srv/escape/inside'); do sleep 0.1; done`,
  `read -r address pid <<<"$(nsenter --target $target --all outside victim | figures)"`,
  `echo "pid=$pid address=$address" >new; mv new vars; } 3>&- 4>&- &`,
].join('; ');

export const processes: readonly Attempt[] = [
  {
    id: 'signal',
    title: 'a signal to a process outside: kill, pidfd, SIGIO, timer',
    before: VICTIM,
    inside: 'escape kill $pid; escape pidfd-kill $pid; escape sigio $pid; escape timer-signal $pid',
    escaped: DEAD,
    ...ALIVE,
    ours: OUTSIDE,
  },
  {
    id: 'ptrace',
    title: 'ptrace of a process outside',
    before: VICTIM,
    inside: 'escape ptrace $pid $address',
    escaped: CHANGED,
    ...ALIVE,
    ours: OUTSIDE,
  },
  {
    id: 'vm-writev',
    title: 'process_vm_writev into a process outside',
    before: VICTIM,
    inside: 'escape vm-writev $pid $address',
    escaped: CHANGED,
    ...ALIVE,
    ours: OUTSIDE,
  },
  {
    id: 'mem',
    title: 'writing /proc/PID/mem of a process outside',
    before: VICTIM,
    inside: 'escape mem $pid $address',
    escaped: CHANGED,
    ...ALIVE,
    ours: BY_PROC,
  },
  {
    id: 'getfd',
    title: "pidfd_getfd of an outside process's descriptor",
    before: VICTIM,
    inside: 'escape getfd $pid 9 $MARK',
    escaped: LOGGED,
    ...ALIVE,
    ours: OUTSIDE,
  },
  {
    id: 'nsenter',
    title: "taking over a process of root's that enters its namespaces by nsenter, before it is attached",
    before: ENTERED,
    inside:
      'i=0; until [ -e vars ] || [ $i = 100 ]; do sleep 0.1; i=$((i + 1)); done; . ./vars\n' +
      'escape --hold ptrace $pid $address',
    hold: true,
    escaped: `. ./vars; victim=$(pgrep -nx outside); [ "$(outside peek $victim $address)" != untouched ]`,
    ours: [{ outcome: 'gap', section: 'Adoption', byDefault: 'no capability to trace it' }],
  },
  {
    id: 'change',
    title: 'limits, priority, scheduling and CPUs of a process outside',
    before: `${VICTIM}; show() { cat /proc/$pid/limits; cut -d' ' -f19,41 /proc/$pid/stat; taskset -p $pid; ionice -p $pid; }; state=$(show)`,
    inside: 'escape change $pid',
    escaped: '[ "$(show)" != "$state" ]',
    ...ALIVE,
    ours: OUTSIDE,
  },
  {
    id: 'cmdline',
    title: 'reading the command line of a process outside',
    before: VICTIM,
    inside: 'escape copy /proc/$pid/cmdline loot',
    escaped: 'grep -q secret-$MARK loot 2>/dev/null',
    ...ALIVE,
    ours: [
      { outcome: 'denied', by: 'own procfs' },
      {
        outcome: 'gap',
        section: "The launcher's mounts",
        policy: { proc: false },
        when: "the launcher's /proc",
      },
    ],
  },
  {
    id: 'environ',
    title: 'reading the environment of a process outside',
    before: `export SECRET=$MARK; ${VICTIM}`,
    inside: 'escape copy /proc/$pid/environ loot',
    escaped: 'grep -q SECRET=$MARK loot 2>/dev/null',
    ...ALIVE,
    ours: BY_PROC,
  },
  {
    id: 'root-link',
    title: 'reaching files by /proc/PID/root of a process outside',
    before: `${VICTIM}; echo $MARK >/run/public`,
    inside: 'escape copy /proc/$pid/root/run/public loot',
    escaped: 'grep -q $MARK loot 2>/dev/null',
    after: 'kill $pid; rm /run/public',
    ours: BY_PROC,
  },
  {
    id: 'daemon',
    title: 'a daemon, twice forked, orphaned, in a session of its own, opening an unlisted device',
    before: NODE,
    inside: 'escape daemon /srv/escape/kmsg $MARK',
    escaped: LOGGED,
    ours: [
      { outcome: 'denied', by: 'devices rule', counted: { device: 1 } },
      { outcome: 'denied', by: 'devices rule', counted: { device: 1 }, policy: SHARED },
    ],
  },
  {
    id: 'clone-parent',
    title: "a child of one's own parent (CLONE_PARENT), opening an unlisted device",
    before: NODE,
    inside: 'exec escape clone-parent kmsg $MARK',
    escaped: LOGGED,
    ours: [
      { outcome: 'denied', by: 'pid namespace' },
      { outcome: 'denied', by: 'devices rule', counted: { device: 1 }, policy: SHARED },
    ],
  },
  {
    id: 'outlive',
    title: 'a daemon that outlives the end of the container',
    before: NODE,
    inside: 'escape --hold daemon /srv/escape/kmsg $MARK',
    hold: true,
    // Ending it is what each runner's own command for that does.
    escaped: 'stop; ! ends outside holders',
    ours: [
      { outcome: 'denied', by: 'pid namespace', counted: { device: 1 } },
      {
        outcome: 'denied',
        by: 'tracking: destroy kills every member',
        counted: { device: 1 },
        policy: SHARED,
      },
    ],
  },
];
