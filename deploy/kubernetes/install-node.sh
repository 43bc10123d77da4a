#!/bin/sh
# Installs the packages of this image on the node, and waits until the module is loaded. It runs in the init container
# of node.yaml: privileged, with the node's process ids, and with $staging mounted from the node.
set -eu
packages=${PACKAGES:-/usr/share/swarm-guard/packages}
staging=${STAGING:-/var/lib/swarm-guard/packages}

# Runs a command as the node would: with the file system and the namespaces of its first process.
on_node() {
	nsenter --target 1 --mount --uts --ipc --net -- "$@"
}

installed() {
	for package in "$packages"/*.deb; do
		name=$(dpkg-deb -f "$package" Package)
		[ "$(on_node dpkg-query -W -f '${db:Status-Status} ${Version}' "$name" 2>/dev/null)" = \
			"installed $(dpkg-deb -f "$package" Version)" ] || return 1
	done
}

# A unit of its own: if this pod is deleted in the middle, dpkg goes on.
run_unit() {
	on_node systemd-run --quiet --collect --wait --pipe --unit=swarm-guard-install \
		--setenv=DEBIAN_FRONTEND=noninteractive -- "$@"
}

if installed; then
	echo 'The packages are installed.'
else
	mkdir -p "$staging"
	rm -f "$staging"/*.deb
	cp "$packages"/*.deb "$staging"
	run_unit apt-get update
	run_unit apt-get install -y "linux-headers-$(uname -r)" crun "$staging"/*.deb
fi
if ! on_node test -e /proc/swarm/status; then
	on_node systemctl start swarm-guard.service || true
	on_node test -e /proc/swarm/status || {
		echo 'The module is not loaded. On the node, `swarmctl doctor` says why.' >&2
		exit 1
	}
fi
echo 'The module is loaded.'
