.DEFAULT_GOAL := help
.PHONY: help run cluster images test test-long check clean e2e e2e-up e2e-down bounds bounds-replication bounds-repo replay replay-text bench profile

node_modules/.package-lock.json: package-lock.json
	npm ci --no-audit --no-fund
	@touch $@

# For the tests of docs/examples.
.cache/python/.installed: docs/examples/requirements.txt
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo 'make test needs Python 3.10 or later, as python3' >&2; exit 1; }
	python3 -m venv --clear .cache/python
	.cache/python/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# The servers that make bench compares with. One of them is compiled where there is no build of it to be had.
bench/peers/node_modules/.package-lock.json: bench/peers/package-lock.json
	@npm ci --no-audit --no-fund --prefix bench/peers && touch $@ || echo 'servers of npm that make bench compares with cannot be installed: they are left out' >&2

# For the tests of docs/examples, too.
docs/examples/react/node_modules/.package-lock.json: docs/examples/react/package-lock.json
	npm ci --no-audit --no-fund --prefix docs/examples/react
	@touch $@

help: ## Show the targets
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

run: node_modules/.package-lock.json ## Start a sync pod on port 8080 with embedded defaults and show how to try it
	@npm run --silent build
	@ETHERPLY_DEV=true ETHERPLY_REPO_SYNC=$${ETHERPLY_REPO_SYNC:-true} ETHERPLY_HOST=127.0.0.1 exec node --initial-heap-size=128 --max-semi-space-size=8 sync-pod/dist/main.js

cluster: node_modules/.package-lock.json ## Start three sync pods, nats-server and HAProxy, and show how to try them: PODS=<1-9>
	@npm run --silent build
	@exec node scripts/cluster.mjs $(if $(PODS),--pods "$(PODS)")

check: node_modules/.package-lock.json ## Check formatting, lint rules and types
	@npm run --silent build
	@npm run --silent check

test: check .cache/python/.installed docs/examples/react/node_modules/.package-lock.json ## Run every test but the long ones (10 minutes)
	@npm run --silent tools
	@npm run --silent test

test-long: node_modules/.package-lock.json ## Run the long tests: crashes for many rounds, outages, regions, rolls, scaling, replays (30 minutes)
	@npm run --silent build
	@npm run --silent tools
	@ETHERPLY_LONG_TESTS=true CRASH_ROUNDS=30 OUTAGE_SECONDS=60 ROLLS=5 npm run --silent test -- '\.long\.'

e2e: node_modules/.package-lock.json ## Run the scenarios on a real Kubernetes: one of its own (Linux, root), or the one of KUBECONFIG
	@npm run --silent build
	@npm run --silent e2e -- test

e2e-up: node_modules/.package-lock.json ## Bring up a Kubernetes of one node on this machine (Linux, root)
	@npm run --silent e2e -- up

e2e-down: node_modules/.package-lock.json ## End and remove it
	@npm run --silent e2e -- down

bench: node_modules/.package-lock.json bench/peers/node_modules/.package-lock.json ## Compare a sync pod with a bare server and with its peers (15 minutes): WORKLOAD=<name>
	@npm run --silent build
	@npm run --silent bench -- $(if $(WORKLOAD),--only $(WORKLOAD),--results bench/results --document docs/performance.md)

profile: node_modules/.package-lock.json ## Profile a sync pod's CPU in a workload of make bench: WORKLOAD=<name>
	@test -n "$(WORKLOAD)" || { echo 'say which one: make profile WORKLOAD=small-saturated (node bench/dist/compare.js --help shows all)' >&2; exit 2; }
	@npm run --silent build
	@npm run --silent bench -- --only $(WORKLOAD) --contender etherply --rounds 1 --profile .cache/profiles
	@node bench/dist/flame-graph.js .cache/profiles

bounds: node_modules/.package-lock.json ## Hold a sync pod against a bare WebSocket server (5 minutes)
	@npm run --silent build
	@npm run --silent bounds

bounds-replication: node_modules/.package-lock.json ## Measure pods that replicate through a nats-server (5 minutes)
	@npm run --silent build
	@npm run --silent bounds-replication

bounds-repo: node_modules/.package-lock.json ## Hold a sync pod against automerge-repo's sync server (5 minutes)
	@npm run --silent build
	@npm run --silent bounds-repo

replay: node_modules/.package-lock.json ## Replay a recorded editing session through a sync pod: TRACE=<file>
	@test -n "$(TRACE)" || { echo 'say which one: make replay TRACE=<file>' >&2; exit 2; }
	@npm run --silent build
	@npm run --silent replay -- "$(TRACE)"

replay-text: node_modules/.package-lock.json ## Replay one as text, typed by clients of automerge-repo on two pods: TRACE=<file>, EDITS=<n>, GROUP=<n>
	@test -n "$(TRACE)" || { echo 'say which one: make replay-text TRACE=<file>' >&2; exit 2; }
	@npm run --silent build
	@npm run --silent replay-text -- $(if $(EDITS),--edits "$(EDITS)") $(if $(GROUP),--group "$(GROUP)") "$(TRACE)"

images: ## Build the images of the sync pod and the operator: REGISTRY, TAG, PLATFORM, BASE_IMAGE, PUSH=true
	@REGISTRY="$(REGISTRY)" TAG="$(TAG)" PLATFORM="$(PLATFORM)" BASE_IMAGE="$(BASE_IMAGE)" RUNTIME_IMAGE="$(RUNTIME_IMAGE)" \
	  PUSH="$(PUSH)" BUILDER="$(BUILDER)" BUILD_FLAGS="$(BUILD_FLAGS)" exec node scripts/images.mjs

clean: ## Remove what was built, and the data of make cluster
	rm -rf protocol/dist stream/dist sync-pod/dist operator/dist client/dist bench/dist .cluster
