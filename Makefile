# make demo [KERNEL=7.2]   build the module, boot a guest, show live what the kernel enforces
# make test                all tests that are quick; make test-all: on every kernel of the catalogue
# make module              build the module alone, for the running kernel
# make shell               a shell in a guest with the module loaded

demo: host
	@npm run --silent demo -- $(if $(KERNEL),--kernel $(KERNEL))

test: host
	@$(MAKE) --no-print-directory --output-sync --jobs=2 typecheck lint
	@npm run --silent test

typecheck lint:
	@npm run --silent $@

test-all: host
	@npm run --silent vm:test -- --all

shell: host
	@npm run --silent vm:shell -- $(if $(KERNEL),--kernel $(KERNEL))

module:
	$(MAKE) -C module

# What this machine needs for all of it, announced and installed.
host: packages
	@npm run --silent host -- $(MAKECMDGOALS)

packages: node
	@cmp -s package-lock.json node_modules/.installed-lock || { \
		echo 'Installing with npm: the packages of package-lock.json, into node_modules' && \
		npm ci --loglevel=error && cp package-lock.json node_modules/.installed-lock; }

node:
	@node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' || \
		{ echo 'Node.js 20.19 or later is needed, with npm; Debian 13 has both: apt-get install nodejs npm' >&2; exit 1; }
	@[ "$$(id -u)" -eq 0 ] || { echo 'run this as root, which making Debian roots takes: sudo make $(MAKECMDGOALS)' >&2; exit 1; }

.PHONY: demo test typecheck lint test-all shell module host packages node
.DEFAULT_GOAL := demo
