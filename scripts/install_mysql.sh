#!/bin/sh
# MySQL's server and clients, as Debian's unstable packages them with every library that they need, in a folder of their
# own: `install_mysql.sh FOLDER` makes FOLDER/bin/mysqld, mysql, mysqldump, mysqlbinlog. Nothing of the system is changed, no root.
set -eu

[ ! -x "$1/bin/mysqld" ] || exit 0
work="$1.new"
rm -rf "$work"
mkdir -p "$work/apt/lists/partial" "$work/apt/archives/partial" "$work/bin"
work=$(cd "$work" && pwd)

# the mirror that this machine is told to use, of which security updates have another one
mirror=$(apt-get indextargets --no-release-info --format '$(SITE)' 2>/dev/null | grep '/debian/*$' | head -n 1 || true)
if [ -z "$mirror" ]; then
    echo "Only on Debian can MySQL be installed by itself; elsewhere name a server (CONTRIBUTING.md, Tests)." >&2
    exit 1
fi
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror unstable main" >"$work/apt/sources.list"
: >"$work/apt/status" # nothing is installed there, so everything comes along
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

# one word for all programs: they need the loader and the libraries beside them, and MySQL's server its messages
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
