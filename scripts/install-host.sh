#!/bin/sh
# Installs what the host itself needs: a few packages by apt, and the npm packages of
# package-lock.json. Says so first; does nothing where everything is there. Compilers,
# rustc and QEMU are not among them: they come in a Debian root of their own.
set -eu
cd "$(dirname "$0")/.."

fail() {
	echo "swarm-guard: $*" >&2
	exit 1
}

command -v node >/dev/null || fail "Node.js 20.19 or later is needed; Debian 13 has it: apt-get install nodejs npm"
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
	fail "Node.js $(node --version) is too old: 20.19 or later is needed"

# COMMAND:PACKAGE
needed='mmdebstrap:mmdebstrap dpkg-deb:dpkg git:git xz:xz-utils mount:mount unshare:util-linux setpriv:util-linux ps:procps'
# What the tests build the policy core's Node addon with.
case " $* " in *' test'*) needed="$needed g++:g++ make:make python3:python3" ;; esac
missing=''
for pair in $needed; do
	command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair#*:}"
done
# Debian's own Node has its headers in a package of their own.
case " $* " in *' test'*)
	[ -e /usr/include/node/node_version.h ] || ! dpkg -s libnode-dev nodejs 2>/dev/null | grep -q '^Maintainer: Debian' ||
		missing="$missing libnode-dev"
	;;
esac
[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || missing="$missing debian-archive-keyring"
missing=$(echo "$missing" | xargs -n1 2>/dev/null | sort -u | xargs)

[ "$(id -u)" -eq 0 ] || fail "run this as root: making Debian roots mounts file systems and changes owners (sudo make $*)"

if [ -n "$missing" ]; then
	echo "Installing with apt-get: $missing"
	export DEBIAN_FRONTEND=noninteractive
	apt-get install -y --no-install-recommends $missing >/dev/null 2>&1 || {
		apt-get update -qq
		apt-get install -y --no-install-recommends $missing >/dev/null
	}
fi

if ! cmp -s package-lock.json node_modules/.installed-lock; then
	echo "Installing with npm: the packages of package-lock.json, into node_modules"
	npm ci --no-audit --no-fund --loglevel=error
	cp package-lock.json node_modules/.installed-lock
fi

cache=${KMOD_HARNESS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/swarm-guard}
[ -d "$cache/roots" ] || cat <<END
Downloading, once, into $cache (about 400 MB from the Debian mirror of /etc/apt):
  a kernel with its headers, a Debian root with compilers, rustc and QEMU, a small one for guests.
  Nothing else of this system is changed.
END
