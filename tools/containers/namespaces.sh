#!/usr/bin/env bash
# A Docker engine as the first process of namespaces of its own: when this process ends, however it ends, the system ends all
# that runs in them, and takes their mounts, networks and packet filters away. It ends with its input, or with the engine.
#   namespaces.sh FOLDER keep|wipe [options of dockerd]
set -eu
folder=$1 images=$2
shift 2
echo mine
exec 3<&0 </dev/null
if [ "$images" = wipe ]; then rm -rf "$folder/data"; fi
rm -rf "$folder/exec" "$folder/docker.sock" "$folder/docker.pid"
ip link set lo up
# Else dockerd would work with the containerd of the machine.
if [ -d /run/containerd ]; then mount -t tmpfs tmpfs /run/containerd; fi
dockerd --host "unix://$folder/docker.sock" --data-root "$folder/data" --exec-root "$folder/exec" \
  --pidfile "$folder/docker.pid" --exec-opt native.cgroupdriver=cgroupfs "$@" >"$folder/dockerd.log" 2>&1 &
engine=$!
{
  cat <&3 >/dev/null
  kill "$engine" 2>/dev/null
} &
exec 3<&-
wait "$engine"
