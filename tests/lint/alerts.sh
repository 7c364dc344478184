#!/usr/bin/env bash
# alerts.sh - the rules for Prometheus are valid and fire when they should; each
# alert has its section in docs/OPERATIONS.md; the dashboard is JSON.
. "$(dirname "$0")/lib.sh"

rules=deploy/prometheus
book=docs/OPERATIONS.md

tool() { # ARGS...
	local said
	said=$(cd $rules && promtool "$@" 2>&1) || complain "$rules" "$said"
}

mapfile -t alerts < <(sed -n 's/^ *- alert: //p' $rules/alerts.yaml)
for alert in "${alerts[@]}"; do
	grep -qx "### $alert" $book || complain $book "has no section $alert"
	grep -qi "runbook_url: $book#$alert\$" $rules/alerts.yaml ||
		complain $rules/alerts.yaml "$alert has no runbook_url"
	grep -q "alertname: $alert\$" $rules/alerts_test.yaml ||
		complain $rules/alerts_test.yaml "nothing shows that $alert fires"
done
while read -r section; do
	case " ${alerts[*]} " in
	*" $section "*) ;;
	*) complain $book "$section is no alert" ;;
	esac
done < <(sed -n 's/^### \(Sluice[A-Za-z]*\)$/\1/p' $book)
python3 -m json.tool deploy/grafana/sluice.json >/dev/null ||
	complain deploy/grafana/sluice.json "is no JSON"
if command -v promtool >/dev/null; then
	tool check config prometheus.yaml
	tool check rules alerts.yaml
	tool test rules alerts_test.yaml
elif [ "${SLUICE_TEST_REQUIRE:-0}" = 1 ]; then
	complain promtool "is not installed"
fi
finish ${#alerts[@]}
