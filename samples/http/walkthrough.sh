#!/usr/bin/env bash
# From nothing to scores and back, with curl alone: define items, upload labelled responses, train, merge, activate, score, roll back.
# Usage: samples/http/walkthrough.sh [address] [key]
#   address  default http://127.0.0.1:8080
#   key      a key with the scopes score and admin; default: what the first start in Development wrote to data/admin.key
#   ROWS     labelled responses taken from each item, default 200;  EPOCHS  default 1
set -euo pipefail
cd "$(dirname "$0")/../.."

address=${1:-http://127.0.0.1:8080}
key=${2:-$(cat data/admin.key)}
rows=${ROWS:-200}
items=(SC_Puddle SC_Moon)

call() { # method path [curl arguments]: prints the answer, fails on 4xx and 5xx with the problem
  local method=$1 path=$2; shift 2
  curl --silent --show-error --fail-with-body -X "$method" "$address$path" -H "Authorization: Bearer $key" "$@"
}
json=(-H 'Content-Type: application/json' --data-binary)
field() { sed -nE "s/.*\"$1\":\"([^\"]*)\".*/\1/p" | head -n 1; }
say() { printf '\n== %s\n' "$*" >&2; }

upload() { # item split: the columns id, score and text of the sample's first rows
  awk -F, -v wanted="$2" -v rows="$rows" '
    NR == 1 { print "id,score,text"; next }
    $2 == wanted && rows-- > 0 { id = $1; score = $4; sub(/^[^,]*,[^,]*,[^,]*,[^,]*,[^,]*,/, ""); print id "," score "," $0 }
  ' "samples/science/$1.csv" | call PUT "/v1/admin/items/$1/responses?split=$2" -H 'Content-Type: text/csv' --data-binary @-
  echo
}

run() { # path recipe: starts a job, follows its events to the end, prints its last state
  local id
  id=$(call POST "$1" -H "Idempotency-Key: $(date +%s%N)" "${json[@]}" "$2" | sed -nE 's/^\{"id":"([^"]*)".*/\1/p')
  call GET "$1/$id/events" -N | sed -nE 's/^data: //p' | while read -r event; do
    printf '%s  %s\n' "$(field state <<<"$event")" "$(field message <<<"$event")" >&2
  done
  call GET "$1/$id" | tee /dev/stderr | grep -q '"state":"succeeded"' || { echo "job $id did not succeed" >&2; return 1; }
  echo >&2
  call GET "$1/$id" | field bundle
}

merge() { # method strategy
  run /v1/admin/merge-jobs "{\"itemIds\":[\"${items[0]}\",\"${items[1]}\"],\"grouping\":$2,\"method\":{\"name\":\"$1\"}}"
}

say define items
for item in "${items[@]}"; do
  call PUT "/v1/admin/items/$item" "${json[@]}" "@samples/science/$item.json"; echo
done

say upload labelled responses
for item in "${items[@]}"; do
  upload "$item" train
  upload "$item" test
done

say train item models
run /v1/admin/training-jobs "{\"itemIds\":[\"${items[0]}\",\"${items[1]}\"],\"epochs\":${EPOCHS:-1}}"

say merge by Gromov-Wasserstein distance into one group
merged=$(merge simple-average '{"strategy":"gromov-wasserstein","groups":1}')

say merge nothing, for comparison
separate=$(merge simple-average '{"strategy":"none"}')

say activate one, then the other
call POST "/v1/admin/bundles/$separate/activate"; echo
call POST "/v1/admin/bundles/$merged/activate"; echo

say score one item
call POST "/v1/items/${items[0]}/scores" "${json[@]}" '{"responses":[{"responseId":"r1","text":"It evaporated in the sun."}]}'; echo

say score mixed items, one of them unknown
call POST /v1/scores "${json[@]}" "{\"responses\":[
  {\"responseId\":\"r1\",\"itemId\":\"${items[0]}\",\"text\":\"It evaporated in the sun.\"},
  {\"responseId\":\"r2\",\"itemId\":\"${items[1]}\",\"text\":\"She thinks he will rob her.\"},
  {\"responseId\":\"r3\",\"itemId\":\"no-such-item\",\"text\":\"Because.\"}]}"; echo

say roll back
call POST /v1/admin/bundles/rollback; echo
call GET /v1/admin/bundles; echo
