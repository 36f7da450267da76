# Every recipe is one line; the logic lives in infra/. `make help` lists what there is.
PYTHON ?= python3
PY := .venv/bin/python
STACK := $(PY) -m infra.stack

.DEFAULT_GOAL := help
.PHONY: help setup up down status logs kill start scale replace wait failpoints demo trace doctor provision parked release log-level verify-receipt test lint bench fmt schemas routes examples lock contracts backup restore restored audit

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

setup: ## Make .venv from the hashed locks (other commands do it by themselves)
	@$(PYTHON) infra/bootstrap.py

demo: up ## A document from a ministry to a province, its districts and communes [SEED=articles|today]
	@$(PY) -m infra.demo

up: setup ## Start PostgreSQL, Kafka, Jaeger and the services [SEED=] [BROKERS=3] [LIENTHONG_RUN=folder]
	@$(STACK) up

down: setup ## End all of it; what it holds stays in its folder
	@$(STACK) down

status: setup ## One line per process: name, pid, address, healthy or why not
	@$(STACK) status

logs: setup ## Show logs: P=docs, or all
	@$(STACK) logs $(P)

kill: setup ## Kill a process with -9: P=docs; HOLD=1 keeps it down
	@$(STACK) kill $(P)

start: setup ## Start what is held down: P=docs; FAILPOINT=name[:n] for one life
	@$(STACK) start $(P)

scale: setup ## Run several instances of a service: P=docs N=2
	@$(STACK) scale $(P) $(N)

replace: setup ## Replace a service's instances one by one, with the code and migrations of now: P=docs
	@$(STACK) replace $(P)

wait: setup ## Wait until a process is ready: P=jaeger
	@$(STACK) wait $(P)

trace: setup ## Print a document's tree of spans: CODE=7816/VPCP-TTĐT
	@$(PY) -m infra.trace --code "$(CODE)"

doctor: setup ## Look whether all is as it has to be, with what to do: √ ‼ × [JSON=1]
	@$(PY) -m infra.doctor $(if $(JSON),--json)

provision: setup ## Make roles, users, rights and topics anew, as they have to be
	@$(PY) -m infra.provision

parked: setup ## List what could not be handled or sent, with reason and trace
	@$(PY) -m infra.operate

release: setup ## Let a parked record be tried again: ID=notify/record-7
	@$(PY) -m infra.operate --release "$(ID)"

log-level: setup ## Change from which level a service's log speaks: P=docs LEVEL=debug
	@$(PY) -m infra.operate --log "$(P)" --level "$(LEVEL)"

verify-receipt: setup ## Verify a receipt offline, check by check: FILE=receipt.jws [ROOT=root.pem]
	@$(PY) -m infra.receipts verify "$(FILE)" --root "$(or $(ROOT),$(or $(LIENTHONG_RUN),.run)/pki/root.pem)"

failpoints: setup ## List the places where a service can be told to die
	@$(PY) -m infra.failpoints

.PHONY: prove prove-tools roll traces
prove: setup ## Break the running exchange in every way and count what became of each document [QUICK=1: 8 min] [SEEDED=1] [RESUME=1]
	@$(PY) -m tests.proof

roll: setup ## Upgrade twice under load, each instance replaced one by one: no client may notice
	@$(PY) -m tests.proof.roll

traces: setup ## Look each document's journey up by its number, and take the times of load with Jaeger and without: 5 min
	@$(PY) -m tests.proof.traces

prove-tools: setup ## Install what `make prove` breaks things with, and show that each works (root, apt)
	@$(PY) -m infra.prove_tools

test: setup ## Run the tests on the real parts [T=tests/docs] [KEEP=1 leaves their stack running]
	@$(PY) -m infra.check test "$(T)"

lint: setup ## Style, types, imports, migrations, structure
	@$(PY) -m infra.check lint

bench: setup ## Measure under load, 15 min, into BENCH.md [QUICK=1: 2 min] [ONLY=name] [SIGNING=1: judgements against bare library calls, and beside poison, 6 min]
	@$(PY) -m infra.bench$(if $(SIGNING),.signing)

contracts: setup ## Check the documents, and a stack of their own against them [KEEP=1 leaves it running]
	@$(PY) -m infra.contracts

.PHONY: conformance fuzz
conformance: setup ## Judge over 1,000 generated signatures [PEERS=1: OpenSSL, pdfsig, EU DSS too] [REPLAY=1: from evidence alone] [STORED=.run: an exchange's] [ONLY=pattern]
	@$(PY) -m tests.conformance

fuzz: setup ## Hostile input at every door of a stack of its own, ≥ 100,000 requests [QUICK=1: 1 min] [SIGNING=1: signed files, changed in every way]
	@$(PY) -m $(if $(SIGNING),tests.mutants,tests.proof.fuzz) $(if $(QUICK),--quick)

fmt: setup ## Format and put in order
	@.venv/bin/ruff format && .venv/bin/ruff check --fix

schemas: setup ## Write the events' JSON Schemas and the page of problems anew
	@$(PY) -m infra.contracts.schemas && $(PY) -m infra.contracts.problems

routes: setup ## Write the gateway's route table, OpenAPI and AsyncAPI documents anew
	@$(PY) -m infra.contracts.routes && $(PY) -m infra.contracts.openapi && $(PY) -m infra.contracts.asyncapi

examples: up ## Record the OpenAPI document's examples anew from the running stack
	@$(PY) -m infra.contracts.examples

lock: setup ## Write the hashed locks anew from pyproject.toml
	@$(PY) -m infra.locks

backup: setup ## Back the databases up beside running services, and keep their log from then on
	@$(PY) -m infra.restore backup

restore: setup ## Set one service's database back: SERVICE=docs TO=2026-11-26T08:30:00 | latest | a backup's name
	@$(PY) -m infra.restore restore --service "$(SERVICE)" --to "$(TO)"

restored: setup ## List what a restored service knows only by entries, receipts or events
	@$(PY) -m infra.restore list

.PHONY: access forge
access: setup ## Ask every route for what is others', in every relation, through every door
	@$(PY) -m tests.proof.access

forge: setup ## Try every forged token on every route, directly and through the gateway
	@$(PY) -m tests.proof.forge

audit: setup ## Hold mailboxes, receipts, verdicts and files against each other [TAMPER=1000: after as many changes]
	@$(PY) -m infra.audit --tamper "$(or $(TAMPER),0)"
