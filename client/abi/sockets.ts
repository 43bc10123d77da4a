/** The names of sockets' families and protocols, as in module/src/names.rs and socket.rs. */

/** The families, by number: the kernel's `AF_*` in lower case. */
export const FAMILIES = [
  ...[
    'unspec',
    'unix',
    'inet',
    'ax25',
    'ipx',
    'appletalk',
    'netrom',
    'bridge',
    'atmpvc',
    'x25',
    'inet6',
    'rose',
  ],
  ...[
    'decnet',
    'netbeui',
    'security',
    'key',
    'netlink',
    'packet',
    'ash',
    'econet',
    'atmsvc',
    'rds',
    'sna',
    'irda',
  ],
  ...['pppox', 'wanpipe', 'llc', 'ib', 'mpls', 'can', 'tipc', 'bluetooth', 'iucv', 'rxrpc', 'isdn', 'phonet'],
  ...['ieee802154', 'caif', 'alg', 'nfc', 'vsock', 'kcm', 'qipcrtr', 'smc', 'xdp', 'mctp'],
];

const INET = {
  ...{ icmp: 1, igmp: 2, tcp: 6, udp: 17, dccp: 33, gre: 47, esp: 50, ah: 51, icmpv6: 58, l2tp: 115 },
  ...{ sctp: 132, udplite: 136, smc: 256, mptcp: 262 },
};

/** The protocols that have names, by family. */
const PROTOCOLS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  inet: INET,
  inet6: INET,
  netlink: {
    ...{
      route: 0,
      usersock: 2,
      sock_diag: 4,
      nflog: 5,
      xfrm: 6,
      selinux: 7,
      iscsi: 8,
      audit: 9,
      fib_lookup: 10,
    },
    ...{
      connector: 11,
      netfilter: 12,
      kobject_uevent: 15,
      generic: 16,
      scsitransport: 18,
      ecryptfs: 19,
      rdma: 20,
    },
    crypto: 21,
  },
};

/** The same entry by numbers, so that two that mean the same are equal. */
export function numbered(entry: string): string {
  const [family = '', protocol = ''] = entry.split('/');
  const index = FAMILIES.indexOf(family);
  const number = index < 0 ? Number(family) : index;
  const names = PROTOCOLS[FAMILIES[number] ?? ''];
  return `${number}/${names?.[protocol] ?? protocol}`;
}

/** 0 to 63, and 0 to 65535, without leading zeros. */
const FAMILY = '(?:[0-9]|[1-5][0-9]|6[0-3])';
/** The same without 2, 10 and 16. */
const OTHER_FAMILY = '(?:[013-9]|1[1-57-9]|[2-5][0-9]|6[0-3])';
const POSITIVE = '(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])';

const others = FAMILIES.filter((name) => !(name in PROTOCOLS));

/** An entry of `sockets`. 0 is no protocol of an internet family: it stands for the usual one of a type. */
export const SOCKET = new RegExp(
  '^(?:' +
    [
      ...[`(?:${FAMILIES.join('|')}|${FAMILY})`],
      ...[`(?:inet6?|2|10)/(?:${Object.keys(INET).join('|')}|${POSITIVE})`],
      ...[`(?:netlink|16)/(?:${Object.keys(PROTOCOLS['netlink'] ?? {}).join('|')}|0|${POSITIVE})`],
      ...[`(?:${others.join('|')}|${OTHER_FAMILY})/(?:0|${POSITIVE})`],
    ].join('|') +
    ')$',
);
