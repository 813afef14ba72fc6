#!/bin/sh
# Install MySQL's server and clients into a folder, from Debian unstable, with every library that they need:
# `install_mysql.sh FOLDER` creates FOLDER/bin/mysqld, mysql, mysqldump, mysqlbinlog. It needs no root, and does not
# change the system.
set -eu

[ ! -x "$1/bin/mysqld" ] || exit 0
work="$1.new"
rm -rf "$work"
mkdir -p "$work/apt/lists/partial" "$work/apt/archives/partial" "$work/bin"
work=$(cd "$work" && pwd)

# the mirror of this machine's apt settings; that of security updates is another one
mirror=$(apt-get indextargets --no-release-info --format '$(SITE)' 2>/dev/null | grep '/debian/*$' | head -n 1 || true)
if [ -z "$mirror" ]; then
    echo "MySQL can only be installed on Debian; elsewhere name a server (CONTRIBUTING.md, Tests)." >&2
    exit 1
fi
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror unstable main" >"$work/apt/sources.list"
: >"$work/apt/status" # empty, so that apt fetches every dependency
cat >"$work/apt/conf" <<END
Dir::Etc::SourceList "$work/apt/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State "$work/apt";
Dir::State::Status "$work/apt/status";
Dir::Cache "$work/apt";
APT::Sandbox::User "";
APT::Install-Recommends "false";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
END

echo "fetching MySQL into $1"
apt-get --config-file "$work/apt/conf" -qq update
apt-get --config-file "$work/apt/conf" -qq --yes --download-only install mysql-server-core mysql-client-core
for package in "$work"/apt/archives/*.deb; do
    dpkg-deb --extract "$package" "$work"
done
rm -r "$work/apt"

# one wrapper for all programs: they need the loader and libraries of this folder, and the server its messages
cat >"$work/bin/run" <<'END'
#!/bin/sh
folder=$(cd "$(dirname "$0")/.." && pwd)
libraries=$(echo "$folder"/usr/lib/*-linux-gnu)
program=$(echo "$folder"/usr/*bin/"${0##*/}")
case $program in *mysqld) set -- "$@" --lc-messages-dir="$folder/usr/share/mysql" ;; esac
exec "$libraries"/ld-linux-*.so.* --library-path "$libraries" "$program" "$@" --character-sets-dir="$folder/usr/share/mysql/charsets"
END
chmod +x "$work/bin/run"
for program in mysqld mysql mysqldump mysqlbinlog; do
    ln -s run "$work/bin/$program"
done
mv "$work" "$1"
