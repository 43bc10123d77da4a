/** A guest whose first process is systemd. */

/** The Debian packages that it takes. */
export const SYSTEMD_PACKAGES = [
  'systemd',
  'dbus',
  'libpam-systemd',
  'libpam-modules',
  'libpam-runtime',
] as const;

/** What hands a guest over to systemd, on the kernel's command line. */
export const SYSTEMD_INIT =
  'guest.init=/usr/lib/systemd/systemd systemd.firstboot=0 systemd.mask=serial-getty@ttyS0.service';
