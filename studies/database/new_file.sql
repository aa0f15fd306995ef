CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

INSERT INTO "alembic_version" VALUES('v3.2.0.a');

CREATE TABLE hpo_conclusions (
	study_id INTEGER NOT NULL, 
	method INTEGER NOT NULL, 
	made DATETIME NOT NULL, 
	finalists TEXT NOT NULL, 
	PRIMARY KEY (study_id)
);

CREATE TABLE hpo_confirmations (
	study_id INTEGER NOT NULL, 
	stage INTEGER NOT NULL, 
	trial INTEGER NOT NULL, 
	value FLOAT, 
	epochs INTEGER, 
	error TEXT, 
	finished DATETIME, 
	PRIMARY KEY (study_id, stage, trial)
);

CREATE TABLE hpo_curves (
	trial_id INTEGER NOT NULL, 
	metric VARCHAR(128) NOT NULL, 
	points TEXT NOT NULL, 
	PRIMARY KEY (trial_id, metric)
);

CREATE TABLE hpo_environments (
	study_id INTEGER NOT NULL, 
	since DATETIME NOT NULL, 
	provenance TEXT NOT NULL, 
	PRIMARY KEY (study_id, since)
);

CREATE TABLE hpo_leases (
	study_id INTEGER NOT NULL, 
	holder VARCHAR(64) NOT NULL, 
	host TEXT NOT NULL, 
	process INTEGER NOT NULL, 
	process_started FLOAT, 
	since DATETIME NOT NULL, 
	heartbeat DATETIME NOT NULL, 
	PRIMARY KEY (study_id)
);

CREATE TABLE hpo_migrations (
	number INTEGER NOT NULL, 
	PRIMARY KEY (number)
);

INSERT INTO "hpo_migrations" VALUES(1);

INSERT INTO "hpo_migrations" VALUES(2);

INSERT INTO "hpo_migrations" VALUES(3);

INSERT INTO "hpo_migrations" VALUES(4);

INSERT INTO "hpo_migrations" VALUES(5);

INSERT INTO "hpo_migrations" VALUES(6);

INSERT INTO "hpo_migrations" VALUES(7);

CREATE TABLE hpo_out_of_fold (
	study_id INTEGER NOT NULL, 
	stage INTEGER NOT NULL, 
	trial INTEGER NOT NULL, 
	predicted TEXT NOT NULL, 
	PRIMARY KEY (study_id, stage, trial)
);

CREATE TABLE hpo_plans (
	study_id INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	"plan" TEXT NOT NULL, 
	changes TEXT NOT NULL, 
	rounds INTEGER NOT NULL, 
	made DATETIME NOT NULL, 
	PRIMARY KEY (study_id, version)
);

CREATE TABLE hpo_rounds (
	study_id INTEGER NOT NULL, 
	round INTEGER NOT NULL, 
	size INTEGER NOT NULL, 
	ranges TEXT NOT NULL, 
	verdicts TEXT, 
	next_ranges TEXT, 
	PRIMARY KEY (study_id, round)
);

CREATE TABLE hpo_stage_curves (
	study_id INTEGER NOT NULL, 
	stage INTEGER NOT NULL, 
	trial INTEGER NOT NULL, 
	metric VARCHAR(128) NOT NULL, 
	points TEXT NOT NULL, 
	PRIMARY KEY (study_id, stage, trial, metric)
);

CREATE TABLE hpo_stops (
	study_id INTEGER NOT NULL, 
	reason TEXT NOT NULL, 
	stopped DATETIME NOT NULL, 
	lifted INTEGER, 
	PRIMARY KEY (study_id)
);

CREATE TABLE hpo_studies (
	study_id INTEGER NOT NULL, 
	"plan" TEXT NOT NULL, 
	metric TEXT NOT NULL, 
	data_hash VARCHAR(64) NOT NULL, 
	provenance TEXT NOT NULL, 
	created DATETIME NOT NULL, 
	completed DATETIME, 
	PRIMARY KEY (study_id)
);

CREATE TABLE hpo_test_intervals (
	study_id INTEGER NOT NULL, 
	low FLOAT NOT NULL, 
	high FLOAT NOT NULL, 
	PRIMARY KEY (study_id)
);

CREATE TABLE hpo_tests (
	study_id INTEGER NOT NULL, 
	trial INTEGER NOT NULL, 
	opened DATETIME NOT NULL, 
	value FLOAT, 
	error TEXT, 
	PRIMARY KEY (study_id)
);

CREATE TABLE studies (
	study_id INTEGER NOT NULL, 
	study_name VARCHAR(512) NOT NULL, 
	PRIMARY KEY (study_id)
);

CREATE TABLE study_directions (
	study_direction_id INTEGER NOT NULL, 
	direction VARCHAR(8) NOT NULL, 
	study_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	PRIMARY KEY (study_direction_id), 
	UNIQUE (study_id, objective), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);

CREATE TABLE study_system_attributes (
	study_system_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_system_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);

CREATE TABLE study_user_attributes (
	study_user_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_user_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);

CREATE TABLE trial_heartbeats (
	trial_heartbeat_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	heartbeat DATETIME NOT NULL, 
	PRIMARY KEY (trial_heartbeat_id), 
	UNIQUE (trial_id), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);

CREATE TABLE trial_intermediate_values (
	trial_intermediate_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	intermediate_value FLOAT, 
	intermediate_value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_intermediate_value_id), 
	UNIQUE (trial_id, step), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);

CREATE TABLE trial_params (
	param_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	param_name VARCHAR(512), 
	param_value FLOAT, 
	distribution_json TEXT, 
	PRIMARY KEY (param_id), 
	UNIQUE (trial_id, param_name), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);

CREATE TABLE trial_system_attributes (
	trial_system_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_system_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);

CREATE TABLE trial_user_attributes (
	trial_user_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_user_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);

CREATE TABLE trial_values (
	trial_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	value FLOAT, 
	value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_value_id), 
	UNIQUE (trial_id, objective), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);

CREATE TABLE trials (
	trial_id INTEGER NOT NULL, 
	number INTEGER, 
	study_id INTEGER, 
	state VARCHAR(8) NOT NULL, 
	datetime_start DATETIME, 
	datetime_complete DATETIME, 
	PRIMARY KEY (trial_id), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);

CREATE TABLE version_info (
	version_info_id INTEGER NOT NULL, 
	schema_version INTEGER, 
	library_version VARCHAR(256), 
	PRIMARY KEY (version_info_id), 
	CHECK (version_info_id=1)
);

INSERT INTO "version_info" VALUES(1,12,':optuna');

CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);

CREATE INDEX ix_trials_study_id ON trials (study_id);

CREATE TRIGGER hpo_forget_trial AFTER DELETE ON trials BEGIN DELETE FROM hpo_curves WHERE trial_id = OLD.trial_id; END;

CREATE TRIGGER hpo_forget_study AFTER DELETE ON studies BEGIN DELETE FROM hpo_studies WHERE study_id = OLD.study_id; DELETE FROM hpo_rounds WHERE study_id = OLD.study_id; DELETE FROM hpo_leases WHERE study_id = OLD.study_id; DELETE FROM hpo_confirmations WHERE study_id = OLD.study_id; DELETE FROM hpo_tests WHERE study_id = OLD.study_id; DELETE FROM hpo_stops WHERE study_id = OLD.study_id; DELETE FROM hpo_plans WHERE study_id = OLD.study_id; DELETE FROM hpo_environments WHERE study_id = OLD.study_id; DELETE FROM hpo_conclusions WHERE study_id = OLD.study_id; DELETE FROM hpo_test_intervals WHERE study_id = OLD.study_id; DELETE FROM hpo_stage_curves WHERE study_id = OLD.study_id; DELETE FROM hpo_out_of_fold WHERE study_id = OLD.study_id; END;
