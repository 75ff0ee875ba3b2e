#!/bin/sh
# Start Redis or Sentinel on a configuration that it can rewrite.
#
# At a failover both write the new roles into their own file. So it lives in the data volume: made from the template at
# the first start and kept from then on, and after a restart of everything each node is what the last failover made of
# it. The password is written afresh at every start, so that a changed secret counts; `user default` is the hash of the
# old one, which a rewrite leaves behind and which would win over requirepass.
#
# usage: start-redis.sh redis-server|redis-sentinel TEMPLATE
set -eu
umask 077
program=$1
template=$2
data=${CACHEWATCH_DATA:-/data}
secret=${CACHEWATCH_SECRET:-/run/secrets/redis_password}

password=$(cat "$secret")
case $password in
'' | *[!A-Za-z0-9_.=+/-]*)
    echo "start-redis.sh: $secret must hold one password of letters, digits and _ . = + / - and nothing else" >&2
    exit 1
    ;;
esac

cd "$data"
config=$data/$(basename "$template")
source=$template
if [ -s "$config" ]; then source=$config; fi
{
    grep -vE '^(requirepass|masterauth|user default|sentinel auth-pass) ' "$source"
    if [ "$program" = redis-sentinel ]; then
        echo "sentinel auth-pass cache $password"
    else
        echo "requirepass $password"
        echo "masterauth $password"
    fi
} >"$config.new"
mv "$config.new" "$config"
exec "$program" "$config"
