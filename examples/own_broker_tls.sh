#!/bin/sh
# A broker of one's own with TLS: makes an authority and a certificate for HOST in FOLDER, and mosquitto's settings.
#   examples/own_broker_tls.sh broker-tls 192.168.1.10 8883 && mosquitto -c broker-tls/mosquitto.conf
#   sealcast channel new greenhouse --broker 192.168.1.10:8883 --tls --ca broker-tls/ca.pem
set -eu
folder=$1 host=$2 port=$3
mkdir -p "$folder"
cd "$folder"
case $host in *[!0-9.]*) name=DNS:$host ;; *) name=IP:$host ;; esac
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=greenhouse authority" \
  -keyout ca.key -out ca.pem 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$host" \
  -keyout server.key -out server.csr 2>/dev/null
printf 'subjectAltName=%s\n' "$name" > san
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 825 -extfile san \
  -out server.pem 2>/dev/null
cat > mosquitto.conf <<CONF
listener $port
certfile $PWD/server.pem
keyfile $PWD/server.key
allow_anonymous true
persistence true
persistence_location $PWD/
max_queued_messages 10000
CONF
echo "written: $folder/mosquitto.conf"
