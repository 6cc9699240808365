# Makes the root file system of a node, in a container without a network. What kind's own base image adds (its
# Dockerfile in the pinned module) is added here to Debian's packages.
# In /run/build, read-only: debs/, the packages; files/, kind's static files; ours/, ours.
set -eu
export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true LC_ALL=C
pause_image=$1

# Nothing of what is installed starts here.
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
mkdir -p /var/lib/dpkg/info /var/lib/dpkg/updates /var/lib/dpkg/alternatives
: > /var/lib/dpkg/status
# dpkg needs the users before the package that brings them is installed.
cp /usr/share/base-passwd/passwd.master /etc/passwd
cp /usr/share/base-passwd/group.master /etc/group
echo 'path-exclude=/usr/share/man/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright' > /etc/dpkg/dpkg.cfg.d/toolforge-local
dpkg --force-depends --force-unsafe-io --install /run/build/debs/base-passwd_*.deb /run/build/debs/base-files_*.deb
dpkg --force-depends --force-unsafe-io --unpack /run/build/debs/*.deb
dpkg --force-unsafe-io --configure -a
rm -rf /usr/sbin/policy-rc.d /usr/share/man/* /usr/share/locale/* /var/log/*.log /etc/machine-id
: > /etc/machine-id

cp -r /run/build/files/. /
cp -r /run/build/ours/. /
find /kind /etc/containerd /etc/systemd/system /etc/sysctl.d /etc/default /etc/crictl.yaml -type f -exec chmod 644 {} +
find /kind /etc/containerd /etc/systemd/system /usr/local/bin /etc/sysctl.d -type d -exec chmod 755 {} +
chmod 755 /kind/bin/* /usr/local/bin/*
ln -s /usr/bin/containerd /usr/bin/ctr /usr/bin/containerd-shim-runc-v2 /usr/local/bin/
ln -sf "$(command -v systemd || echo /lib/systemd/systemd)" /sbin/init
mkdir -p /opt/cni /etc/kubernetes/manifests
ln -s /usr/lib/cni /opt/cni/bin

# The services of an ordinary machine, which a node in a container has no use for.
find /lib/systemd/system/sysinit.target.wants/ -name systemd-tmpfiles-setup.service -delete
rm -f /lib/systemd/system/multi-user.target.wants/* /etc/systemd/system/*.wants/*
rm -f /lib/systemd/system/local-fs.target.wants/* /lib/systemd/system/basic.target.wants/*
rm -f /lib/systemd/system/sockets.target.wants/*udev* /lib/systemd/system/sockets.target.wants/*initctl*
echo ReadKMsg=no >> /etc/systemd/journald.conf
systemctl enable kubelet.service containerd.service undo-mount-hacks.service toolforge-local-network.service
systemctl mask systemd-binfmt.service

# Every container of the node hides the host's hardware, as kind's base image has it, and takes limits as they are.
ctr oci spec |
  jq '.hooks.createContainer += [{"path": "/kind/bin/mount-product-files.sh"}] | del(.process.rlimits)' \
    > /etc/containerd/cri-base.json
sed -i "s#sandbox_image = .*#sandbox_image = \"$pause_image\"#" /etc/containerd/config.toml
# Where the engine itself may not lower it (rootless, no CAP_SYS_RESOURCE) nothing would start; elsewhere the same.
sed -i 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' /etc/containerd/config.toml
grep -q "sandbox_image = \"$pause_image\"" /etc/containerd/config.toml
grep -q 'restrict_oom_score_adj = true' /etc/containerd/config.toml
