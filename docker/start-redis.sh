#!/bin/sh
# Start Redis or Sentinel on a configuration that it can rewrite.
#
# At a failover both write the new roles into their own file. So it lives in the data volume: made from the template at
# the first start and kept from then on, and after a restart of everything each node is what the last failover made of
# it. The passwords are written afresh at every start, so that a changed secret counts; `user default` and `user cachewatch`
# with the hashes of the old ones are what a rewrite leaves behind, and would win.
#
# Two users: the default one, of the cache's clients, the replicas and the Sentinels, by redis_password; and the exporter's,
# `cachewatch`, by cachewatch_password, which may do no more than watching takes.
#
# usage: start-redis.sh redis-server|redis-sentinel TEMPLATE
set -eu
umask 077
program=$1
template=$2
data=${CACHEWATCH_DATA:-/data}
secrets=${CACHEWATCH_SECRETS:-/run/secrets}

read_secret() {
    secret=$(cat "$secrets/$1")
    case $secret in
    '' | *[!A-Za-z0-9_.=+/-]*)
        echo "start-redis.sh: $secrets/$1 must hold one password of letters, digits and _ . = + / - and nothing else" >&2
        exit 1
        ;;
    esac
}

read_secret redis_password
password=$secret
read_secret cachewatch_password
watcher="user cachewatch on >$secret resetkeys resetchannels nocommands +ping +info"

cd "$data"
config=$data/$(basename "$template")
source=$template
if [ -s "$config" ]; then source=$config; fi
{
    grep -vE '^(requirepass|masterauth|user (default|cachewatch)|sentinel (auth|sentinel)-pass) ' "$source"
    echo "requirepass $password"
    if [ "$program" = redis-sentinel ]; then
        echo "sentinel auth-pass cache $password"
        echo "sentinel sentinel-pass $password"
        echo "$watcher +sentinel|masters +sentinel|ckquorum +sentinel|sentinels +sentinel|replicas"
    else
        echo "masterauth $password"
        echo "$watcher +config|get +slowlog|len +slowlog|get +latency|latest +latency|histogram +cluster|info"
    fi
} >"$config.new"
mv "$config.new" "$config"
exec "$program" "$config"
