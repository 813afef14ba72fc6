# Stands in for images of a registry where none can be reached: the same programs, from Debian's packages.
FROM stock-backtest-debian AS debian
ENV LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive
# Packages must not start servers while they are installed.
RUN printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d && apt-get update

FROM debian AS python
RUN apt-get install -y --no-install-recommends ca-certificates python3 python3-pip python3-venv \
    && ln -s python3 /usr/bin/python
# Downloaded outside: inside a container pip may know neither this machine's index nor its certificates.
COPY wheels /wheels
RUN printf '[install]\nno-index = true\nfind-links = /wheels\n' > /etc/pip.conf

FROM debian AS redis
RUN apt-get install -y --no-install-recommends redis-server
WORKDIR /data
VOLUME /data

FROM debian AS mysql
RUN apt-get install -y --no-install-recommends mariadb-server
COPY mysqld.sh /usr/local/bin/
VOLUME /var/lib/mysql
ENTRYPOINT ["sh", "/usr/local/bin/mysqld.sh"]
