#!/bin/sh
# MariaDB with the database and the user that MYSQL_… name, as the image mysql makes them.
set -eu
install -d -o mysql /run/mysqld
cat > /run/mysqld/init.sql <<SQL
CREATE DATABASE IF NOT EXISTS $MYSQL_DATABASE CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS '$MYSQL_USER'@'%' IDENTIFIED BY '$MYSQL_PASSWORD';
GRANT ALL ON $MYSQL_DATABASE.* TO '$MYSQL_USER'@'%';
SQL
exec mariadbd --no-defaults --user=mysql --datadir=/var/lib/mysql --socket=/run/mysqld/mysqld.sock \
    --init-file=/run/mysqld/init.sql "$@"
