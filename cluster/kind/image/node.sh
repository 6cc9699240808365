# Makes a node out of its root file system, in a privileged container: programs, and the images that its containerd has
# from the start. In /var/lib/node, read-only: bin/, images/ (a Docker archive, unpacked), version.
set -eu
cd /var/lib/node
for program in bin/*; do
  install -m 755 "$program" /usr/bin/
done
cp version /kind/version
chmod 644 /kind/version
containerd --log-level warn &
containerd=$!
tries=0
until ctr version > /dev/null 2>&1; do
  tries=$((tries + 1))
  [ "$tries" -lt 300 ] || exit 1
  kill -0 "$containerd"
  sleep 0.1
done
# Not unpacked: that needs a file system which a layer of an image is not. A node's /var is a volume.
tar -C images -cf - . | ctr --namespace k8s.io images import --no-unpack --digests -
ctr --namespace k8s.io images list --quiet | grep -v @ || true
kill "$containerd"
wait "$containerd" || true
rm -rf /run/containerd /var/lib/containerd/tmpmounts
