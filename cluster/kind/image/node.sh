# Makes a node out of its root file system, in a privileged container: programs, and the images that its containerd has
# from the start. In /var/lib/node, read-only: bin/, images/ (a Docker archive, unpacked), version.
set -eu
cd /var/lib/node
for program in bin/*; do
  install -m 755 "$program" /usr/bin/
done
cp version /kind/version
chmod 644 /kind/version
# Unpacked too, or every node would do that again while its control plane starts. containerd's overlay file systems do not
# work on a layer of an image, so it is done on a volume, and copied to where a node's containerd looks.
root=/var/lib/unpacked/containerd
containerd --log-level warn --root "$root" &
containerd=$!
tries=0
until ctr version > /dev/null 2>&1; do
  tries=$((tries + 1))
  [ "$tries" -lt 300 ] || exit 1
  kill -0 "$containerd"
  sleep 0.1
done
tar -C images -cf - . | ctr --namespace k8s.io images import --digests -
kill "$containerd"
wait "$containerd" || true
rm -rf "$root"/tmpmounts
mkdir -p /var/lib/containerd
cp -a "$root"/. /var/lib/containerd/
