/** A guest whose first process is systemd. */

/** The Debian packages that it takes. */
export const SYSTEMD_PACKAGES = [
  'systemd',
  'dbus',
  'libpam-systemd',
  'libpam-modules',
  'libpam-runtime',
] as const;

/** Options of the kernel's command line that hand a guest over to systemd. */
export const SYSTEMD_INIT =
  'guest.init=/usr/lib/systemd/systemd systemd.firstboot=0 systemd.mask=serial-getty@ttyS0.service';
