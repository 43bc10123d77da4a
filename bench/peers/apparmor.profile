# Two profiles: the devices that SwarmGuard allows by default, and nothing else in /dev;
# bench-deny may not execute anything either.
abi <abi/4.0>,

profile bench-allow flags=(attach_disconnected) {
  capability,
  network,
  /{,**} r,
  /{bin,sbin,usr,lib,srv,tmp}/** rwmix,
  /srv/empty rix,
  deny /dev/kmsg rwx,
  /dev/{null,zero,full,random,urandom,tty,ptmx} rw,
}

profile bench-deny flags=(attach_disconnected) {
  capability,
  network,
  /{,**} r,
  deny /** x,
  deny /dev/kmsg rw,
  /dev/{null,zero,full,random,urandom,tty,ptmx} rw,
}
