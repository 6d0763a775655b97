# Orderstream. `make` prints this help.

GO       ?= go
MODULES  := schemas contracts services tools
LINT     := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
BIN      := $(CURDIR)/bin
FUZZTIME ?= 20s
TIMEOUT  ?= 45m
OUTAGE   ?= 60s

SEQUENCE_ORDERS ?= 10000
INTERLEAVINGS ?= 20000
FLASH_SALE_ORDERS ?= 30000
BOTH_SIDES ?= 20000

.PHONY: help
help: ## Print this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Put every binary in bin/
	$(GO) build -o $(BIN)/ work

.PHONY: run
run: build ## Run everything in one process, with doubles of the shop and of NetSuite and a little traffic
	$(BIN)/orderstream demo

.PHONY: test
test: ## Run all tests
	$(GO) test -timeout $(TIMEOUT) work

.PHONY: race
race: ## Run all tests under the race detector; of tables whose rows take the same ways a fifth (make test has all)
	$(GO) test -race -timeout $(TIMEOUT) work

.PHONY: vet
vet: ## gofmt and go vet
	@test -z "$$(gofmt -l $(MODULES))" || { echo "not gofmt-ed:"; gofmt -l $(MODULES); exit 1; }
	$(GO) vet work

.PHONY: lint
lint: $(BIN)/tools/golangci-lint ## Run the linters
	@for m in $(MODULES); do (cd $$m && $(BIN)/tools/golangci-lint run ./...) || exit 1; done

$(BIN)/tools/golangci-lint:
	GOBIN=$(BIN)/tools $(GO) install $(LINT)

.PHONY: arch
arch: ## Prove the import arrows and the contracts (never from the test cache)
	$(GO) test -count=1 ./tools/archtest/... ./tools/contractcheck/...

.PHONY: verify
verify: ## Prove that each module builds alone and is tidy
	@for m in $(MODULES); do echo "verify $$m"; (cd $$m && GOWORK=off $(GO) build ./... && GOWORK=off $(GO) mod tidy -diff) || exit 1; done

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (20s)
	@$(GO) test -run '^$$' -fuzz FuzzParse -fuzztime $(FUZZTIME) ./contracts/money
	@$(GO) test -run '^$$' -fuzz FuzzRead -fuzztime $(FUZZTIME) ./services/transformer/parse
	@$(GO) test -run '^$$' -fuzz FuzzRefunds -fuzztime $(FUZZTIME) ./services/transformer/parse
	@$(GO) test -run '^$$' -fuzz FuzzExpression -fuzztime $(FUZZTIME) ./services/transformer/mapping
	@$(GO) test -run '^$$' -fuzz FuzzDocument -fuzztime $(FUZZTIME) ./services/transformer/mapping
	@$(GO) test -run '^$$' -fuzz FuzzValid -fuzztime $(FUZZTIME) ./services/ingest/signature

.PHONY: outage
outage: ## Load the door while JetStream is away for OUTAGE (60s) and ingest is killed
	CHAOS_OUTAGE=$(OUTAGE) $(GO) test -count=1 -run UnderLoad ./tools/chaos

.PHONY: sequences
sequences: ## Play random sequences of order states, refunds and people's changes under faults, SEQUENCE_ORDERS (10000) of them; the seed is printed
	$(if $(SEQUENCE_SEED),SEQUENCE_SEED=$(SEQUENCE_SEED)) SEQUENCE_ORDERS=$(SEQUENCE_ORDERS) $(GO) test -count=1 -timeout 45m -v -run RandomSequences ./tools/e2e

.PHONY: interleavings
interleavings: ## Play people's changes on both sides, echoes, delays and crashes against each other, INTERLEAVINGS (20000) times at the publisher, BOTH_SIDES (20000) times through everything; the seeds are printed
	BACK_INTERLEAVINGS=$(INTERLEAVINGS) $(GO) test -count=1 -timeout 60m -v -run Interleavings ./services/status-publisher
	$(if $(SIDES_SEED),SIDES_SEED=$(SIDES_SEED)) SIDES_INTERLEAVINGS=$(BOTH_SIDES) $(GO) test -count=1 -timeout 60m -parallel 4 -v -run BothSidesConverge ./tools/e2e

.PHONY: flash-sale
flash-sale: ## Let FLASH_SALE_ORDERS (30000) buyers of two shops take a twentieth of as many units; what is oversold stays within the bound
	FLASH_SALE_ORDERS=$(FLASH_SALE_ORDERS) $(GO) test -count=1 -timeout 60m -v -run FlashSaleOfManyOrders ./tools/e2e

.PHONY: soak
soak: ## A million sequences, and a million interleavings in all (hours)
	SEQUENCE_ORDERS=1000000 $(GO) test -count=1 -timeout 48h -v -run RandomSequences ./tools/e2e
	$(MAKE) interleavings-soak

.PHONY: interleavings-soak
interleavings-soak: ## The million interleavings alone
	BACK_INTERLEAVINGS=900000 $(GO) test -count=1 -timeout 48h -v -run Interleavings ./services/status-publisher
	SIDES_INTERLEAVINGS=100000 $(GO) test -count=1 -timeout 48h -parallel 4 -v -run BothSidesConverge ./tools/e2e

.PHONY: foreign
foreign: ## Check the NetSuite double with clients that others wrote (npm; says NOT RUN where it is absent, fails there with FOREIGN=required)
	tools/netsuitesim/foreign/check.sh

.PHONY: bench
bench: ## Measure this machine: ingest, latency, drain, fresh orders beside a replay, the way back (about half an hour; results: tools/bench/README.md)
	$(GO) run ./tools/bench

.PHONY: trace
trace: ## Print the trace of one order, from webhook to NetSuite and back
	$(GO) run ./tools/tracetree

.PHONY: ci
ci: SEQUENCE_SEED ?= 1795955134900651390 # the same orders each time: what fails is the change's
ci: SIDES_SEED ?= 20261130101
ci: vet verify arch lint race outage sequences interleavings fuzz foreign test ## Everything CI runs
