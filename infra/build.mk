# What `sam build` calls once per function (BuildMethod makefile in template.yaml): the package is handlers/,
# sql/ or of that queries/ only, and the locked libraries. ARCH must be the template's Architecture parameter.

ARCH ?= arm64
LIBRARIES := .aws-sam/libraries/$(ARCH)
# Lambda's python3.13 has glibc 2.34: wheels for older ones run there too.
PLATFORMS_arm64 := manylinux2014_aarch64 manylinux_2_28_aarch64
PLATFORMS_x86_64 := manylinux2014_x86_64 manylinux_2_28_x86_64
# The AWS APIs that the handlers call by boto3; botocore's 400 others are 20 MB of every package.
AWS_APIS := sqs
# One applies the schema, and one compares it.
SQL = sql/queries
build-MigrateFunction build-WebFunction: SQL = sql

# With ISSUER=yes it can verify the tickets of TicketIssuer: 16 MB more, which PyJWT imports wherever they are installed.
build-AuthorizeFunction: $(LIBRARIES)/requirements$(if $(ISSUER),-issuer)
	$(pack)

build-WebFunction: $(LIBRARIES)/requirements-web
	$(pack)

build-%: $(LIBRARIES)/requirements
	$(pack)

$(LIBRARIES)/%: handlers/%.txt | .venv/bin/python
	rm -rf $@ $@.part
	$(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check --target $@.part --no-compile --require-hashes \
		--implementation cp --python-version 3.13 $(PLATFORMS_$(ARCH):%=--platform %) --only-binary=:all: -r $<
	cd $@.part/botocore/data && find . -mindepth 1 -maxdepth 1 -type d $(AWS_APIS:%=! -name %) -exec rm -rf {} +
	$(call compile,$@.part)
	mv $@.part $@
	touch $@

# A function's folder is read-only, so what is not compiled here is compiled again at each cold start.
define compile
	if python3.13 -c "" 2>/dev/null; then \
		python3.13 -m compileall -q -j 0 --invalidation-mode unchecked-hash "$(1)"; fi
endef

define pack
	mkdir -p "$(ARTIFACTS_DIR)/sql"
	cp -R $</. handlers "$(ARTIFACTS_DIR)"
	cp -R $(SQL) "$(ARTIFACTS_DIR)/$(dir $(SQL))"
	find "$(ARTIFACTS_DIR)/handlers" "$(ARTIFACTS_DIR)/sql" -name __pycache__ -prune -exec rm -rf {} +
	$(call compile,$(ARTIFACTS_DIR)/handlers)
	$(call compile,$(ARTIFACTS_DIR)/sql)
endef
