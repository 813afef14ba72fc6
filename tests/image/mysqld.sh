#!/bin/sh
# MariaDB as the image mysql starts it: the first time with the database and what docker-entrypoint-initdb.d makes.
set -eu
serve="mariadbd --no-defaults --user=mysql --datadir=/var/lib/mysql --socket=/run/mysqld/mysqld.sock"
install -d -o mysql /run/mysqld
if ! [ -d "/var/lib/mysql/$MYSQL_DATABASE" ]; then
    $serve --skip-networking &
    until mysqladmin ping --silent; do sleep 0.2; done
    for script in /docker-entrypoint-initdb.d/*.sh; do bash -e "$script"; done
    mysql -e "CREATE DATABASE $MYSQL_DATABASE CHARACTER SET utf8mb4"  # last: all of it again after a kill in the middle
    mysqladmin shutdown
    wait
fi
for option; do # this one is MySQL's alone
    shift
    case $option in --binlog-transaction-compression*) ;; *) set -- "$@" "$option" ;; esac
done
exec $serve "$@"
