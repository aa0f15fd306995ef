BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('v2.6.0.a');
CREATE TABLE studies (
	study_id INTEGER NOT NULL, 
	study_name VARCHAR(512) NOT NULL, 
	PRIMARY KEY (study_id)
);
INSERT INTO "studies" VALUES(1,'old');
CREATE TABLE study_directions (
	study_direction_id INTEGER NOT NULL, 
	direction VARCHAR(8) NOT NULL, 
	study_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	PRIMARY KEY (study_direction_id), 
	UNIQUE (study_id, objective), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_directions" VALUES(1,'MAXIMIZE',1,0);
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
	intermediate_value FLOAT NOT NULL, 
	PRIMARY KEY (trial_intermediate_value_id), 
	UNIQUE (trial_id, step), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_intermediate_values" VALUES(1,1,1,4.88992127582528524065e-01);
INSERT INTO "trial_intermediate_values" VALUES(2,1,2,0.977984255165057);
INSERT INTO "trial_intermediate_values" VALUES(3,2,1,0.433349546099349);
INSERT INTO "trial_intermediate_values" VALUES(4,2,2,0.866699092198698);
INSERT INTO "trial_intermediate_values" VALUES(5,3,1,3.25442280703051145529e-01);
INSERT INTO "trial_intermediate_values" VALUES(6,3,2,6.50884561406102291059e-01);
INSERT INTO "trial_intermediate_values" VALUES(7,5,1,4.4205066987317942484e-01);
INSERT INTO "trial_intermediate_values" VALUES(8,5,2,8.8410133974635884968e-01);
INSERT INTO "trial_intermediate_values" VALUES(9,6,1,2.83412881021223195254e-01);
INSERT INTO "trial_intermediate_values" VALUES(10,6,2,5.66825762042446390509e-01);
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
INSERT INTO "trial_params" VALUES(1,1,'learning_rate',5.54711947159212265257e-03,'{"name": "LogUniformDistribution", "attributes": {"low": 1e-05, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(2,1,'units',28.0,'{"name": "IntLogUniformDistribution", "attributes": {"low": 4, "high": 64, "step": 1}}');
INSERT INTO "trial_params" VALUES(3,1,'activation',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "tanh"]}}');
INSERT INTO "trial_params" VALUES(4,2,'learning_rate',1.31302802806585881996e-03,'{"name": "LogUniformDistribution", "attributes": {"low": 1e-05, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(5,2,'units',23.0,'{"name": "IntLogUniformDistribution", "attributes": {"low": 4, "high": 64, "step": 1}}');
INSERT INTO "trial_params" VALUES(6,2,'activation',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "tanh"]}}');
INSERT INTO "trial_params" VALUES(7,3,'learning_rate',6.58133204329180321323e-01,'{"name": "LogUniformDistribution", "attributes": {"low": 1e-05, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(8,3,'units',11.0,'{"name": "IntLogUniformDistribution", "attributes": {"low": 4, "high": 64, "step": 1}}');
INSERT INTO "trial_params" VALUES(9,3,'activation',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "tanh"]}}');
INSERT INTO "trial_params" VALUES(10,4,'learning_rate',6.92185991020860709455e-03,'{"name": "LogUniformDistribution", "attributes": {"low": 1e-05, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(11,4,'units',52.0,'{"name": "IntLogUniformDistribution", "attributes": {"low": 4, "high": 64, "step": 1}}');
INSERT INTO "trial_params" VALUES(12,4,'activation',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "tanh"]}}');
INSERT INTO "trial_params" VALUES(13,5,'learning_rate',1.26209482851693026927e-05,'{"name": "LogUniformDistribution", "attributes": {"low": 1e-05, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(14,5,'units',40.0,'{"name": "IntLogUniformDistribution", "attributes": {"low": 4, "high": 64, "step": 1}}');
INSERT INTO "trial_params" VALUES(15,5,'activation',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "tanh"]}}');
INSERT INTO "trial_params" VALUES(16,6,'learning_rate',7.81792880517236166149e-01,'{"name": "LogUniformDistribution", "attributes": {"low": 1e-05, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(17,6,'units',36.0,'{"name": "IntLogUniformDistribution", "attributes": {"low": 4, "high": 64, "step": 1}}');
INSERT INTO "trial_params" VALUES(18,6,'activation',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "tanh"]}}');
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
INSERT INTO "trial_user_attributes" VALUES(1,1,'note','"by hand"');
INSERT INTO "trial_user_attributes" VALUES(2,2,'note','"by hand"');
INSERT INTO "trial_user_attributes" VALUES(3,3,'note','"by hand"');
INSERT INTO "trial_user_attributes" VALUES(4,5,'note','"by hand"');
INSERT INTO "trial_user_attributes" VALUES(5,6,'note','"by hand"');
CREATE TABLE trial_values (
	trial_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	value FLOAT NOT NULL, 
	PRIMARY KEY (trial_value_id), 
	UNIQUE (trial_id, objective), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_values" VALUES(1,1,0,0.977984255165057);
INSERT INTO "trial_values" VALUES(2,2,0,0.866699092198698);
INSERT INTO "trial_values" VALUES(3,3,0,6.50884561406102291059e-01);
INSERT INTO "trial_values" VALUES(4,5,0,8.8410133974635884968e-01);
INSERT INTO "trial_values" VALUES(5,6,0,5.66825762042446390509e-01);
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
INSERT INTO "trials" VALUES(1,0,1,'COMPLETE','2026-11-22 00:41:15.843331','2026-11-22 00:41:15.961598');
INSERT INTO "trials" VALUES(2,1,1,'COMPLETE','2026-11-22 00:41:15.995623','2026-11-22 00:41:16.156695');
INSERT INTO "trials" VALUES(3,2,1,'COMPLETE','2026-11-22 00:41:16.179107','2026-11-22 00:41:16.300792');
INSERT INTO "trials" VALUES(4,3,1,'PRUNED','2026-11-22 00:41:16.315061','2026-11-22 00:41:16.388668');
INSERT INTO "trials" VALUES(5,4,1,'COMPLETE','2026-11-22 00:41:16.406935','2026-11-22 00:41:16.544688');
INSERT INTO "trials" VALUES(6,5,1,'COMPLETE','2026-11-22 00:41:16.568051','2026-11-22 00:41:16.653226');
CREATE TABLE version_info (
	version_info_id INTEGER NOT NULL, 
	schema_version INTEGER, 
	library_version VARCHAR(256), 
	PRIMARY KEY (version_info_id), 
	CHECK (version_info_id=1)
);
INSERT INTO "version_info" VALUES(1,12,'2.10.1');
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
COMMIT;
