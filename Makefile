# Everything a developer or a new user runs. `make` lists the targets.
PY := .venv/bin/python
# empty for root, and where sudo would ask for a password or is not installed
SUDO := $(shell [ "$$(id -u)" = 0 ] || ! sudo -n true 2>/dev/null || echo sudo -n --preserve-env=VMMIGRATE_LAB,VMMIGRATE_CACHE)
LAB := $(SUDO) $(PY) -m fixtures.lab

# The tests start hundreds of processes; without bytecode files each would compile what it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup lint check quick test faults fuzz lock audit mutants matrix long demo lab-up lab-down man docs powershell bench clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install what is missing (apt as root or through sudo, pip into .venv)
	@fixtures/lab/setup.sh

lint: setup
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

check: ## Lint, types, and the quick tests, which need no root: under a minute
	@$(MAKE) --no-print-directory -j 2 lint quick

quick: setup
	$(PY) -m pytest -q -n 3 --dist worksteal -m "not lab and not slow and not vsphere"

test: lint ## All tests, including the lab of real guests
	@tests/run_all.sh

faults: setup ## Play schedules of faults in a world in memory (SCHEDULES=10000 SEED=1; one failing seed again: SCHEDULES=1)
	@$(PY) -m tests.faults $(if $(SCHEDULES),--schedules $(SCHEDULES)) $(if $(SEED),--seed $(SEED)) $(if $(TABLE),--table $(TABLE))

fuzz: setup ## Feed each parser inputs that grow by coverage (SECONDS=180 for each; PARSER=image; FUZZ_SEEDS=folder)
	@$(PY) -c "import atheris" 2>/dev/null || $(PY) -m pip install --quiet --disable-pip-version-check -e ".[fuzz]" || echo "fuzz: no atheris for this Python; the inputs are damaged at random"
	@$(PY) -m tests.fuzz $(if $(SECONDS),--seconds $(SECONDS)) $(if $(PARSER),--parser $(PARSER)) $(if $(SEED),--seed $(SEED))

lock: setup ## Write requirements.lock again: the newest versions that fit pyproject.toml, each with its hashes
	@$(PY) -m piptools --version >/dev/null 2>&1 || $(PY) -m pip install --quiet --disable-pip-version-check -e ".[release]"
	$(PY) -m piptools compile --quiet --upgrade --generate-hashes --extra kvm --extra vmware --extra keyring --strip-extras \
	  --no-header --no-emit-index-url --no-emit-trusted-host --no-emit-options --output-file requirements.lock pyproject.toml

audit: setup ## Look up what is known to be wrong with the locked versions (needs the network)
	@$(PY) -m pip_audit --version >/dev/null 2>&1 || $(PY) -m pip install --quiet --disable-pip-version-check -e ".[release]"
	$(PY) -m pip_audit --require-hashes --disable-pip --requirement requirements.lock

mutants: setup ## Try small errors of the product on a copy of the tree: which test notices each (an hour)
	@$(PY) -m tests.mutants

matrix: setup ## Migrate a real guest of each network stack and firmware, and print the table (slow; VARIANT=efi: one of them)
	@$(SUDO) $(PY) -m fixtures.demo.matrix $(VARIANT)

long: setup ## The tests of minutes on real guests, with mail all the while: updates, switches, kills, restarts, each way back (TEST=test_update: one file); kills at more places in the other labs
	$(if $(TEST),,nice -n 10 $(PY) -m pytest -q -n 3 --dist worksteal -m "long and not lab")
	@fixtures/lab/with_lab.sh $(PY) -m pytest -q -m "lab and long" --durations=20 tests/lab$(if $(TEST),/$(TEST).py)

demo: setup ## Migrate the lab's old gateway; kill a second run and roll it back (HYPERVISOR=vmware: the simulator, hyperv: a stand-in host; SCENARIO=update: its packages)
	@$(if $(filter vmware esxi hyperv,$(HYPERVISOR)),,$(SUDO)) $(PY) -m fixtures.demo $(if $(HYPERVISOR),--hypervisor $(HYPERVISOR)) $(if $(SCENARIO),--scenario $(SCENARIO))

lab-up: setup ## Start the lab: libvirtd in its own namespaces, with the old gateway running
	@$(LAB) up

lab-down: ## Stop the lab and remove everything it made
	@$(LAB) down

man: setup ## Generate the manual page from the help
	$(PY) docs/manpage.py > docs/vmmigrate.1

docs: man ## Generate the manual page, the pages of limits and privileges and the transcript of a first use
	$(PY) docs/limits.py > docs/limits.md
	$(PY) docs/privileges.py > docs/privileges.md
	VMMIGRATE_WRITE_DOCS=1 $(PY) -m pytest -q tests/journey/test_first_use.py

powershell: ## Run the scripts for Hyper-V under PowerShell 7 with Pester, where there is one
	@if command -v pwsh > /dev/null; then pwsh -NoProfile -NonInteractive -Command "Invoke-Pester -CI -Path tests/powershell"; \
	else echo "powershell: SKIPPED: no pwsh on PATH (tests/powershell/README.md)"; fi

bench: setup ## Measure against other tools: a table, then one JSON line per figure
	@$(PY) -m benchmarks

clean: ## Remove generated files (the image cache stays)
	rm -rf .venv dist .mypy_cache .pytest_cache .ruff_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
