#!/bin/sh
# Print SQL that restores the database to a point in time, from a backup and the binary log. For the root of MySQL:
#   sh scripts/restore_to.sh BACKUP.sql.gz '2026-11-21 14:02:00' --host=… --user=backup | mysql … backtests
# The time is UTC, to the second; '' is the end of the log. The other options go to mysqlbinlog, which reads the log from
# the server; MYSQL_PWD is the password of the user backup.
set -eu
backup=$1 time=$2
shift 2
place=$(gunzip -c "$backup" | sed -n "/^-- CHANGE .*_LOG_FILE='/{s/.*_LOG_FILE='\([^']*\)'.*_LOG_POS=\([0-9]*\).*/\2 \1/p;q;}")
[ "$place" ] || { echo "$backup does not name a position in the binary log" >&2; exit 1; }
# a server with GTIDs would skip transactions it has executed before; MariaDB's mysqlbinlog has no such option
echo 'SET SESSION sql_log_bin = 0;'
gunzip -c "$backup"
TZ=UTC exec mysqlbinlog --read-from-remote-server --to-last-log --disable-log-bin --loose-skip-gtids ${time:+"--stop-datetime=$time"} \
  --start-position="${place% *}" "$@" "${place#* }"
