# Makes the root of a base image: $1 folder, which is made anew.
set -euo pipefail
root=$1
rm -rf "$root" && mkdir -p "$root"
mmdebstrap --quiet --variant=minbase --include=ca-certificates,libstdc++6 bookworm "$root"
mkdir -p "$root/usr/lib/node_modules"
cp "$(node -p process.execPath)" "$root/usr/bin/node"
cp -RL "$(npm root --global)/npm" "$root/usr/lib/node_modules/"
ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/bin/npm"
ln -sf ../lib/node_modules/npm/bin/npx-cli.js "$root/usr/bin/npx"
# How this machine reaches its registries, the image does, too.
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
npmrc=$(npm config get globalconfig)
if [ -f "$npmrc" ]; then mkdir -p "$root/usr/etc" && cp -L "$npmrc" "$root/usr/etc/npmrc" && cp -L "$npmrc" "$root/etc/npmrc"; fi
cp -R /etc/apt/apt.conf.d/. "$root/etc/apt/apt.conf.d/"
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/archives/*.deb
