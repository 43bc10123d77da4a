#!/bin/sh
# Installs the packages of this image on the node, and waits until the module is loaded. It runs in the init container
# of node.yaml: privileged, with the node's process ids, and with the directory of $staging mounted from the node.
set -eu
packages=${PACKAGES:-/usr/share/swarm-guard/packages}
staging=${STAGING:-/var/lib/swarm-guard/packages}
log=$staging.log
# What was installed last: packages of one version may differ.
stamp=$staging.sha256
unit=swarm-guard-install
kernel=$(uname -r)

# Runs a command as the node would: with the file system and the namespaces of its first process.
on_node() {
	nsenter --target 1 --mount --uts --ipc --net -- "$@"
}

sums() {
	(cd "$packages" && sha256sum -- *.deb)
}

installed() {
	[ "$(cat "$stamp" 2>/dev/null)" = "$(sums)" ] || return 1
	for package in "$packages"/*.deb; do
		name=$(dpkg-deb -f "$package" Package)
		[ "$(on_node dpkg-query -W -f '${db:Status-Status} ${Version}' "$name" 2>/dev/null)" = \
			"installed $(dpkg-deb -f "$package" Version)" ] || return 1
	done
}

# Is there a module for the kernel that runs? After an upgrade of the kernel there is none if its headers are missing.
built() {
	on_node modinfo -n swarm_guard >/dev/null 2>&1
}

# A unit of its own, whose output goes to a file: if this pod is deleted in the middle, dpkg goes on. With a pipe to
# this container, the scripts of packages would fail at their next line of output.
run_unit() {
	: >"$log"
	on_node systemd-run --quiet --collect --wait --unit="$unit" \
		--property="StandardOutput=append:$log" --property="StandardError=append:$log" \
		--setenv=DEBIAN_FRONTEND=noninteractive -- "$@" &
	tail -n +1 -f -s 0.2 --pid=$! "$log"
	wait $!
}

# Another apt may be at work. Files in /etc/swarm-guard that were changed stay; nobody can answer questions about them.
run_apt() {
	run_unit apt-get -o DPkg::Lock::Timeout=600 \
		-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}

install() {
	mkdir -p "$staging"
	rm -f "$stamp" "$staging"/*.deb
	cp "$packages"/*.deb "$staging"
	# What a reboot has interrupted, which apt-get refuses to go on from.
	if [ -n "$(on_node find /var/lib/dpkg/updates -type f -name '[0-9]*')" ]; then
		run_unit dpkg --force-confdef --force-confold --configure -a
	fi
	# One source that is broken, of somebody else's, is no reason to stop: whether it is needed, the next step says.
	run_apt update || echo 'apt-get update failed; going on with the lists of packages that there are.'
	headers=
	on_node test -e "/lib/modules/$kernel/build/include" || headers=linux-headers-$kernel
	# What the node has of these is not fetched again.
	run_apt install -y $headers crun
	# An older image may follow a newer one, or one with packages of the same version.
	run_apt install -y --reinstall --allow-downgrades "$staging"/*.deb
	# Headers that were there already have built nothing.
	built || run_unit dkms autoinstall -k "$kernel"
	sums >"$stamp"
}

# A former pod may have left its unit running, with the files in $staging.
while on_node systemctl --quiet is-active "$unit.service"; do
	echo 'Another installation is running; waiting for its end.'
	sleep 10
done
if installed && built; then
	echo 'The packages are installed.'
else
	install
fi
if ! on_node test -e /proc/swarm/status; then
	on_node systemctl start swarm-guard.service || true
	on_node test -e /proc/swarm/status || {
		echo 'The module is not loaded. On the node, `swarmctl doctor` says why.' >&2
		exit 1
	}
fi
echo 'The module is loaded.'
if [ "$(on_node modinfo -F srcversion swarm_guard)" != "$(on_node cat /sys/module/swarm_guard/srcversion)" ]; then
	echo 'It is another one than the packages have: drain and reboot the node to use theirs.'
fi
