/** Attempts on terminals: the launcher's, those of root, and those of other agents. */
import type { Attempt, Case } from './attempt.js';

const TERMINAL = {
  before: 'sysctl -qw dev.tty.legacy_tiocsti=1',
  wrap: 'outside terminal /srv/escape/typed',
  escaped: '[ "$(cat typed)" -gt 0 ]',
  after: 'sysctl -qw dev.tty.legacy_tiocsti=0',
} as const;
/** Reading of what is typed at the launcher's terminal. */
const TYPED = { wrap: 'outside typist $MARK', escaped: 'grep -q "$MARK" loot 2>/dev/null' } as const;
/** Somebody's terminal in the host's devpts; inside, $address is its name there. */
const MASTER = ': >shown; chmod 666 shown; read -r address pid <<<"$(';
const WATCHED = ' /usr/local/bin/outside master /srv/escape/shown | figures)"; echo "address=$address" >vars';
const SHOWN = { escaped: 'sleep 0.2; grep -q "$MARK" shown', after: 'kill $pid' } as const;
/** Its terminals are in no directory that it sees; where they are, they are another user's. */
const BY_NAME: readonly [Case, Case] = [
  { outcome: 'denied', by: 'own devpts' },
  { outcome: 'denied', by: 'own user ids', policy: { devpts: false }, when: "the host's devpts" },
];

export const terminals: readonly Attempt[] = [
  {
    id: 'tiocsti',
    title: 'typing into the inherited terminal (TIOCSTI allowed by sysctl)',
    ...TERMINAL,
    inside: 'escape tiocsti; escape tiocsti-take; escape tiocsti',
    ours: [{ outcome: 'denied', by: 'birth: it leaves session and terminal' }],
  },
  {
    id: 'dev-tty',
    title: '… by /dev/tty',
    ...TERMINAL,
    inside: 'escape tiocsti-tty',
    ours: [{ outcome: 'denied', by: 'birth: it leaves session and terminal' }],
  },
  {
    id: 'tioclinux',
    title: '… by TIOCLINUX, which types what is selected, if it is a virtual console',
    needs: '/dev/tty1',
    // Open all the while, for it forgets its mode with the last that closes it.
    before: 'exec 7<>/dev/tty1; stty -icanon <&7; printf "\\033[H%s" "$MARK" >&7',
    under: 'exec <>/dev/tty1 7>&-',
    wrap: 'setsid --wait --ctty',
    inside: 'escape --hold paste',
    // The end of its session would have it forget what was typed.
    hold: true,
    escaped: '[ -n "$(timeout 2 head -c 4 </dev/tty1)" ]',
    after: 'exec 7>&-',
    ours: [{ outcome: 'denied', by: 'user namespace' }],
  },
  {
    id: 'tty-read',
    title: 'reading what is typed at the inherited terminal',
    ...TYPED,
    inside: 'timeout --foreground 5 head -n 1 >loot',
    ours: [{ outcome: 'gap', section: 'Terminals' }],
  },
  {
    id: 'tty-read-name',
    title: '… by /dev/tty and by its name',
    ...TYPED,
    inside:
      'timeout --foreground 2 head -n 1 </dev/tty >loot; name=$(readlink /proc/self/fd/0)\n' +
      'exec </dev/null; timeout --foreground 2 head -n 1 <$name >>loot',
    ours: [{ outcome: 'denied', by: 'birth: it leaves session and terminal; own devpts' }],
  },
  {
    id: 'pty',
    title: "writing to a terminal of root's by its name",
    before: MASTER + WATCHED,
    inside: 'escape write /dev/pts/$address $MARK; escape opath /dev/pts/$address $MARK',
    ...SHOWN,
    ours: BY_NAME,
  },
  {
    id: 'pty-agent',
    title: "… to a terminal of another agent's that is in the host's devpts",
    before: `${MASTER}launch '{"spawn":true,"namespace_flags":126,"devpts":false}'${WATCHED}`,
    inside: 'escape write /dev/pts/$address $MARK; escape opath /dev/pts/$address $MARK',
    ...SHOWN,
    ours: BY_NAME,
  },
  {
    id: 'pty-mount',
    title: "… to a terminal of root's by a fresh devpts",
    before: `${MASTER}${WATCHED}; mkdir m; chmod 777 m`,
    inside: 'escape mount devpts m devpts; escape write m/$address $MARK',
    ...SHOWN,
    ours: [
      { outcome: 'denied', by: 'each devpts has terminals of its own' },
      {
        outcome: 'denied',
        by: 'each devpts has terminals of its own',
        policy: { namespace_flags: 95, privileged: true },
      },
    ],
  },
  {
    id: 'pty-max',
    title: 'all of the terminals of the machine',
    before: `max=$(cat /proc/sys/kernel/pty/max) reserve=$(cat /proc/sys/kernel/pty/reserve)
    sysctl -qw kernel.pty.max=60 kernel.pty.reserve=20`,
    inside: 'escape --hold terminals',
    hold: true,
    escaped: 'usage terminals 1 </dev/null | grep -q ENOSPC',
    after: 'sysctl -qw kernel.pty.max=$max kernel.pty.reserve=$reserve',
    ours: [
      { outcome: 'denied', by: 'own devpts: kernel.pty.reserve is kept for root' },
      { outcome: 'gap', section: 'Terminals', policy: { devpts: false }, when: "the host's devpts" },
    ],
  },
];
