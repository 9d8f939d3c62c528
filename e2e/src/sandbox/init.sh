# The first process of the sandbox: it makes what the others see, and lives as long as the sandbox does.
# $1 folder of the state, $2 address of the node with the length of its prefix, $3 addresses of Services
set -euo pipefail
state=$1
mount --make-rprivate /
mount --make-rshared /

# What daemons write outside of their own folders stays in here: sockets, locks, plugins, logs.
mount -t tmpfs -o mode=755 tmpfs /run
for folder in /var/lib /var/log; do
  layer=$state/overlay$folder
  mkdir -p "$layer/upper" "$layer/work"
  mount -t overlay -o "lowerdir=$folder,upperdir=$layer/upper,workdir=$layer/work" overlay "$folder"
done

# The kubelet sets these for the whole machine unless they are so already.
setting() {
  mkdir -p "$state/sysctl"
  echo "$2" > "$state/sysctl/$1"
  mount --bind "$state/sysctl/$1" "/proc/sys/${1//.//}"
}
setting vm.overcommit_memory 1
setting vm.panic_on_oom 0
setting kernel.panic 10
setting kernel.panic_on_oops 1
setting kernel.keys.root_maxkeys 1000000
setting kernel.keys.root_maxbytes 25000000

ip link set lo up
ip link add node0 type bridge
ip address add "$2" dev node0
ip link set node0 up
# Where a packet goes is asked before kube-proxy writes another address into it.
ip route add "$3" dev node0
echo 1 > /proc/sys/net/ipv4/ip_forward

touch "$state/sandbox.ready"
# Bash reaps whoever has lost its parent.
while :; do sleep 3600 & wait $!; done
