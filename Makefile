# make demo [KERNEL=7.2]   build the module, boot a guest, show live what the kernel enforces
# make test                all tests that are quick; make test-all: on every kernel of the catalogue
# make module              build the module alone, for the running kernel
# make shell               a shell in a guest with the module loaded

demo: host
	@npm run --silent demo -- $(if $(KERNEL),--kernel $(KERNEL))

test: host
	@npm run --silent typecheck
	@npm run --silent lint
	@npm run --silent test

test-all: host
	@npm run --silent vm:test -- --all

shell: host
	@npm run --silent vm:shell -- $(if $(KERNEL),--kernel $(KERNEL))

module:
	$(MAKE) -C module

host:
	@scripts/install-host.sh $(MAKECMDGOALS)

.PHONY: demo test test-all shell module host
.DEFAULT_GOAL := demo
