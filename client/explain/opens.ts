/** The consequences of rules: sentences about what each one opens. */
import { DENIED_CALLS } from '../abi/calls.js';
import type { Syscall } from '../abi/names.js';

/** The rules of `syscalls` that are no calls. */
const RULES: Readonly<Record<Syscall, string>> = {
  fork: 'lets the agent make processes; `pids_limit` bounds how many',
  thread: 'lets the agent make threads; `pids_limit` bounds how many',
  execve: 'lets the agent run other programs: any that it can read, unless `exec_paths` lists some',
  unshare:
    'lets a process make a user namespace, in which it has all capabilities, and reach code of the kernel that only they reach',
  setns: 'lets a process enter other namespaces, if it has a descriptor of them and the capabilities',
  autoload: 'lets the agent choose modules that the kernel loads, and so the code that can be attacked',
};

/** Devices, as in https://docs.kernel.org/admin-guide/devices.html: the name below /dev, and what it gives. */
const DEVICES: Readonly<Record<string, readonly [name: string, gives: string]>> = {
  'c 1:1': ['mem', 'all memory of the machine'],
  'c 1:3': ['null', 'nothing: what is written is discarded'],
  'c 1:4': ['port', 'the I/O ports of the machine'],
  'c 1:5': ['zero', 'nothing but zeros'],
  'c 1:7': ['full', 'nothing but zeros'],
  'c 1:8': ['random', 'random numbers'],
  'c 1:9': ['urandom', 'random numbers'],
  'c 1:11': ['kmsg', 'the log of the kernel, which reports on the whole machine'],
  'c 5:0': ['tty', "a process's own terminal"],
  'c 5:1': ['console', "the machine's console"],
  'c 5:2': ['ptmx', 'new pseudo-terminals'],
  'c 10:130': ['watchdog', 'the timer that restarts the machine'],
  'c 10:200': ['net/tun', 'network devices whose packets the agent reads and writes'],
  'c 10:223': ['uinput', 'keyboards and mice that the agent makes for the whole machine'],
  'c 10:228': ['hpet', 'a timer of the machine'],
  'c 10:229': ['fuse', 'file systems that a process of the agent serves, if it may mount'],
  'c 10:232': ['kvm', 'virtual machines, and the code of the kernel that runs them'],
  'c 10:234': ['btrfs-control', "the machine's btrfs devices"],
  'c 10:235': ['autofs', "the machine's automounts"],
  'c 10:236': ['mapper/control', 'the block devices that the device mapper makes'],
  'c 10:237': ['loop-control', 'block devices made of files, for the whole machine'],
  'c 10:238': ['vhost-net', 'network queues that the kernel serves for virtual machines'],
};

/** Kinds of devices by their major number. */
const MAJORS: Readonly<Record<string, string>> = {
  'c 4': 'a console or serial line of the machine',
  'c 13': 'an input device: what is typed at the machine',
  'c 21': 'a SCSI device, with raw commands to it',
  'c 29': 'a screen of the machine',
  'c 116': 'a sound device',
  'c 136': 'a pseudo-terminal',
  'c 226': 'a graphics device, and the code of its driver',
  'b 7': 'a loop device: the file that is behind it',
  'b 8': 'a disk of the machine, below the permissions of its file systems',
  'b 253': 'a block device of the machine, below the permissions of its file systems',
  'b 254': 'a block device of the machine, below the permissions of its file systems',
  'b 259': 'a disk of the machine, below the permissions of its file systems',
};

const ACCESSES: Readonly<Record<string, string>> = { r: 'reading', w: 'writing', m: 'making' };

/** A sentence about the access that a rule on devices opens. */
export function opensDevice(rule: string): string {
  const [kind = '', numbers = '', access = ''] = rule.split(' ');
  const doing = new Intl.ListFormat('en').format(access.split('').map((each) => ACCESSES[each] ?? each));
  const known = DEVICES[`${kind} ${numbers}`];
  const type = kind === 'b' ? 'block device' : 'character device';
  const name = known ? `/dev/${known[0]}` : `the ${type} ${numbers}`;
  const gives = known?.[1] ?? MAJORS[`${kind} ${numbers.split(':')[0] ?? ''}`] ?? 'what its driver does';
  return `allows ${doing} ${name}: ${gives}`;
}

/** A sentence about the access that a rule on a system call opens, by the call's name. */
export function opensCall(name: string): string {
  const own = (RULES as Readonly<Record<string, string>>)[name];
  if (own !== undefined) return own;
  const denied = DENIED_CALLS.find(({ calls }) => calls.includes(name));
  return denied?.why ?? 'is a call that agents may make unless their policy says otherwise';
}

const SOCKETS: Readonly<Record<string, string>> = {
  alg: "the kernel's ciphers",
  bluetooth: "the machine's Bluetooth devices",
  can: 'CAN buses',
  netlink: 'every kind of netlink, and so many parts of the kernel that are configured by it',
  'netlink/audit': 'the audit log',
  'netlink/connector': "what the kernel's connector tells, such as forks of other processes",
  'netlink/generic': 'every part of the kernel that is configured by generic netlink',
  'netlink/kobject_uevent': 'messages about devices that come and go',
  'netlink/netfilter': "the packet filter of the agent's network namespace",
  'netlink/route': "the configuration of the agent's network namespace",
  'netlink/sock_diag': "a list of the sockets of the agent's network namespace",
  'netlink/xfrm': "IPsec in the agent's network namespace",
  packet: "raw packets of the agent's network namespace, with cap_net_raw",
  vsock: 'the hypervisor, and virtual machines on this machine',
  xdp: 'packets past the network stack, with cap_net_raw',
};

/** A sentence about the access that an entry of `sockets` opens. */
export function opensSocket(entry: string): string {
  const [family = '', protocol] = entry.split('/');
  const code = protocol === undefined ? `the family ${family}` : `the protocol ${protocol} of ${family}`;
  const gives = SOCKETS[entry] ?? SOCKETS[family];
  return `allows sockets of ${code}, and the code of the kernel behind it${gives === undefined ? '' : `: ${gives}`}`;
}

/** A sentence about the access that a path of `exec_paths` opens. */
export function opensFile(path: string): string {
  return path.endsWith('/')
    ? `lets the agent execute every file below ${path}`
    : `lets the agent execute ${path}, with any arguments; what an interpreter is given to run is not limited`;
}
