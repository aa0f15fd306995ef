-- The tables of Optuna 1.3 (2020), when trial_values were values by step, with a study of one trial.
CREATE TABLE studies (study_id INTEGER NOT NULL PRIMARY KEY, study_name VARCHAR(512) NOT NULL,
    direction VARCHAR(8) NOT NULL);
INSERT INTO studies VALUES (1, 'old', 'MAXIMIZE');
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
CREATE TABLE version_info (version_info_id INTEGER NOT NULL PRIMARY KEY CHECK (version_info_id = 1),
    schema_version INTEGER, library_version VARCHAR(256));
INSERT INTO version_info VALUES (1, 12, '1.3.0');
CREATE TABLE study_user_attributes (study_user_attribute_id INTEGER NOT NULL PRIMARY KEY,
    study_id INTEGER REFERENCES studies (study_id), "key" VARCHAR(512), value_json VARCHAR(2048),
    UNIQUE (study_id, "key"));
CREATE TABLE study_system_attributes (study_system_attribute_id INTEGER NOT NULL PRIMARY KEY,
    study_id INTEGER REFERENCES studies (study_id), "key" VARCHAR(512), value_json VARCHAR(2048),
    UNIQUE (study_id, "key"));
CREATE TABLE trials (trial_id INTEGER NOT NULL PRIMARY KEY, number INTEGER,
    study_id INTEGER REFERENCES studies (study_id), state VARCHAR(8) NOT NULL, value FLOAT,
    datetime_start DATETIME, datetime_complete DATETIME);
INSERT INTO trials VALUES
    (1, 0, 1, 'COMPLETE', 0.75, '2020-03-01 12:00:00.000000', '2020-03-01 12:00:01.000000');
CREATE TABLE trial_user_attributes (trial_user_attribute_id INTEGER NOT NULL PRIMARY KEY,
    trial_id INTEGER REFERENCES trials (trial_id), "key" VARCHAR(512), value_json VARCHAR(2048),
    UNIQUE (trial_id, "key"));
CREATE TABLE trial_system_attributes (trial_system_attribute_id INTEGER NOT NULL PRIMARY KEY,
    trial_id INTEGER REFERENCES trials (trial_id), "key" VARCHAR(512), value_json VARCHAR(2048),
    UNIQUE (trial_id, "key"));
CREATE TABLE trial_params (param_id INTEGER NOT NULL PRIMARY KEY,
    trial_id INTEGER REFERENCES trials (trial_id), param_name VARCHAR(512), param_value FLOAT,
    distribution_json VARCHAR(2048), UNIQUE (trial_id, param_name));
INSERT INTO trial_params VALUES
    (1, 1, 'rate', 0.01, '{"name": "LogUniformDistribution", "attributes": {"low": 0.001, "high": 1}}');
CREATE TABLE trial_values (trial_value_id INTEGER NOT NULL PRIMARY KEY,
    trial_id INTEGER REFERENCES trials (trial_id), step INTEGER, value FLOAT, UNIQUE (trial_id, step));
INSERT INTO trial_values VALUES (1, 1, 1, 0.5), (2, 1, 2, 0.75);
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);
INSERT INTO alembic_version VALUES ('v1.3.0.a');
