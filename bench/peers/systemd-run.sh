#!/bin/sh
# A transient unit of systemd: its limits, and every namespace that it knows.
exec systemd-run --quiet --wait --collect --service-type=exec \
	--property=MemoryMax=64M --property=TasksMax=100 --property=CPUQuota=50% \
	--property=PrivateUsers=yes --property=PrivatePIDs=yes --property=PrivateMounts=yes \
	--property=PrivateNetwork=yes --property=PrivateIPC=yes --property=ProtectHostname=yes \
	--property=ProtectControlGroupsEx=private -- "$@"
