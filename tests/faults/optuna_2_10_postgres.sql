CREATE TYPE public.studydirection AS ENUM (
    'NOT_SET',
    'MINIMIZE',
    'MAXIMIZE'
);
CREATE TYPE public.trialstate AS ENUM (
    'RUNNING',
    'COMPLETE',
    'PRUNED',
    'FAIL',
    'WAITING'
);
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.studies (
    study_id integer NOT NULL,
    study_name character varying(512) NOT NULL
);
CREATE SEQUENCE public.studies_study_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.studies_study_id_seq OWNED BY public.studies.study_id;
CREATE TABLE public.study_directions (
    study_direction_id integer NOT NULL,
    direction public.studydirection NOT NULL,
    study_id integer NOT NULL,
    objective integer NOT NULL
);
CREATE SEQUENCE public.study_directions_study_direction_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.study_directions_study_direction_id_seq OWNED BY public.study_directions.study_direction_id;
CREATE TABLE public.study_system_attributes (
    study_system_attribute_id integer NOT NULL,
    study_id integer,
    key character varying(512),
    value_json text
);
CREATE SEQUENCE public.study_system_attributes_study_system_attribute_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.study_system_attributes_study_system_attribute_id_seq OWNED BY public.study_system_attributes.study_system_attribute_id;
CREATE TABLE public.study_user_attributes (
    study_user_attribute_id integer NOT NULL,
    study_id integer,
    key character varying(512),
    value_json text
);
CREATE SEQUENCE public.study_user_attributes_study_user_attribute_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.study_user_attributes_study_user_attribute_id_seq OWNED BY public.study_user_attributes.study_user_attribute_id;
CREATE TABLE public.trial_heartbeats (
    trial_heartbeat_id integer NOT NULL,
    trial_id integer NOT NULL,
    heartbeat timestamp without time zone NOT NULL
);
CREATE SEQUENCE public.trial_heartbeats_trial_heartbeat_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.trial_heartbeats_trial_heartbeat_id_seq OWNED BY public.trial_heartbeats.trial_heartbeat_id;
CREATE TABLE public.trial_intermediate_values (
    trial_intermediate_value_id integer NOT NULL,
    trial_id integer NOT NULL,
    step integer NOT NULL,
    intermediate_value double precision NOT NULL
);
CREATE SEQUENCE public.trial_intermediate_values_trial_intermediate_value_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.trial_intermediate_values_trial_intermediate_value_id_seq OWNED BY public.trial_intermediate_values.trial_intermediate_value_id;
CREATE TABLE public.trial_params (
    param_id integer NOT NULL,
    trial_id integer,
    param_name character varying(512),
    param_value double precision,
    distribution_json text
);
CREATE SEQUENCE public.trial_params_param_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.trial_params_param_id_seq OWNED BY public.trial_params.param_id;
CREATE TABLE public.trial_system_attributes (
    trial_system_attribute_id integer NOT NULL,
    trial_id integer,
    key character varying(512),
    value_json text
);
CREATE SEQUENCE public.trial_system_attributes_trial_system_attribute_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.trial_system_attributes_trial_system_attribute_id_seq OWNED BY public.trial_system_attributes.trial_system_attribute_id;
CREATE TABLE public.trial_user_attributes (
    trial_user_attribute_id integer NOT NULL,
    trial_id integer,
    key character varying(512),
    value_json text
);
CREATE SEQUENCE public.trial_user_attributes_trial_user_attribute_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.trial_user_attributes_trial_user_attribute_id_seq OWNED BY public.trial_user_attributes.trial_user_attribute_id;
CREATE TABLE public.trial_values (
    trial_value_id integer NOT NULL,
    trial_id integer NOT NULL,
    objective integer NOT NULL,
    value double precision NOT NULL
);
CREATE SEQUENCE public.trial_values_trial_value_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.trial_values_trial_value_id_seq OWNED BY public.trial_values.trial_value_id;
CREATE TABLE public.trials (
    trial_id integer NOT NULL,
    number integer,
    study_id integer,
    state public.trialstate NOT NULL,
    datetime_start timestamp without time zone,
    datetime_complete timestamp without time zone
);
CREATE SEQUENCE public.trials_trial_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.trials_trial_id_seq OWNED BY public.trials.trial_id;
CREATE TABLE public.version_info (
    version_info_id integer NOT NULL,
    schema_version integer,
    library_version character varying(256),
    CONSTRAINT version_info_version_info_id_check CHECK ((version_info_id = 1))
);
ALTER TABLE ONLY public.studies ALTER COLUMN study_id SET DEFAULT nextval('public.studies_study_id_seq'::regclass);
ALTER TABLE ONLY public.study_directions ALTER COLUMN study_direction_id SET DEFAULT nextval('public.study_directions_study_direction_id_seq'::regclass);
ALTER TABLE ONLY public.study_system_attributes ALTER COLUMN study_system_attribute_id SET DEFAULT nextval('public.study_system_attributes_study_system_attribute_id_seq'::regclass);
ALTER TABLE ONLY public.study_user_attributes ALTER COLUMN study_user_attribute_id SET DEFAULT nextval('public.study_user_attributes_study_user_attribute_id_seq'::regclass);
ALTER TABLE ONLY public.trial_heartbeats ALTER COLUMN trial_heartbeat_id SET DEFAULT nextval('public.trial_heartbeats_trial_heartbeat_id_seq'::regclass);
ALTER TABLE ONLY public.trial_intermediate_values ALTER COLUMN trial_intermediate_value_id SET DEFAULT nextval('public.trial_intermediate_values_trial_intermediate_value_id_seq'::regclass);
ALTER TABLE ONLY public.trial_params ALTER COLUMN param_id SET DEFAULT nextval('public.trial_params_param_id_seq'::regclass);
ALTER TABLE ONLY public.trial_system_attributes ALTER COLUMN trial_system_attribute_id SET DEFAULT nextval('public.trial_system_attributes_trial_system_attribute_id_seq'::regclass);
ALTER TABLE ONLY public.trial_user_attributes ALTER COLUMN trial_user_attribute_id SET DEFAULT nextval('public.trial_user_attributes_trial_user_attribute_id_seq'::regclass);
ALTER TABLE ONLY public.trial_values ALTER COLUMN trial_value_id SET DEFAULT nextval('public.trial_values_trial_value_id_seq'::regclass);
ALTER TABLE ONLY public.trials ALTER COLUMN trial_id SET DEFAULT nextval('public.trials_trial_id_seq'::regclass);
INSERT INTO public.alembic_version VALUES ('v2.6.0.a');
INSERT INTO public.studies VALUES (1, 'old');
INSERT INTO public.study_directions VALUES (1, 'MAXIMIZE', 1, 0);
INSERT INTO public.trial_intermediate_values VALUES (1, 1, 1, 0.4889921275825285);
INSERT INTO public.trial_intermediate_values VALUES (2, 1, 2, 0.977984255165057);
INSERT INTO public.trial_intermediate_values VALUES (3, 2, 1, 0.433349546099349);
INSERT INTO public.trial_intermediate_values VALUES (4, 2, 2, 0.866699092198698);
INSERT INTO public.trial_intermediate_values VALUES (5, 3, 1, 0.32544228070305115);
INSERT INTO public.trial_intermediate_values VALUES (6, 3, 2, 0.6508845614061023);
INSERT INTO public.trial_intermediate_values VALUES (7, 5, 1, 0.4420506698731794);
INSERT INTO public.trial_intermediate_values VALUES (8, 5, 2, 0.8841013397463588);
INSERT INTO public.trial_intermediate_values VALUES (9, 6, 1, 0.2834128810212232);
INSERT INTO public.trial_intermediate_values VALUES (10, 6, 2, 0.5668257620424464);
INSERT INTO public.trial_params VALUES (1, 1, 'learning_rate', 0.005547119471592123, '{"name": "LogUniformDistribution", "attributes": {"low": 1e-05, "high": 1.0}}');
INSERT INTO public.trial_params VALUES (2, 1, 'units', 28, '{"name": "IntLogUniformDistribution", "attributes": {"low": 4, "high": 64, "step": 1}}');
INSERT INTO public.trial_params VALUES (3, 1, 'activation', 0, '{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "tanh"]}}');
INSERT INTO public.trial_params VALUES (4, 2, 'learning_rate', 0.0013130280280658588, '{"name": "LogUniformDistribution", "attributes": {"low": 1e-05, "high": 1.0}}');
INSERT INTO public.trial_params VALUES (5, 2, 'units', 23, '{"name": "IntLogUniformDistribution", "attributes": {"low": 4, "high": 64, "step": 1}}');
INSERT INTO public.trial_params VALUES (6, 2, 'activation', 1, '{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "tanh"]}}');
INSERT INTO public.trial_params VALUES (7, 3, 'learning_rate', 0.6581332043291803, '{"name": "LogUniformDistribution", "attributes": {"low": 1e-05, "high": 1.0}}');
INSERT INTO public.trial_params VALUES (8, 3, 'units', 11, '{"name": "IntLogUniformDistribution", "attributes": {"low": 4, "high": 64, "step": 1}}');
INSERT INTO public.trial_params VALUES (9, 3, 'activation', 0, '{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "tanh"]}}');
INSERT INTO public.trial_params VALUES (10, 4, 'learning_rate', 0.006921859910208607, '{"name": "LogUniformDistribution", "attributes": {"low": 1e-05, "high": 1.0}}');
INSERT INTO public.trial_params VALUES (11, 4, 'units', 52, '{"name": "IntLogUniformDistribution", "attributes": {"low": 4, "high": 64, "step": 1}}');
INSERT INTO public.trial_params VALUES (12, 4, 'activation', 1, '{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "tanh"]}}');
INSERT INTO public.trial_params VALUES (13, 5, 'learning_rate', 1.2620948285169303e-05, '{"name": "LogUniformDistribution", "attributes": {"low": 1e-05, "high": 1.0}}');
INSERT INTO public.trial_params VALUES (14, 5, 'units', 40, '{"name": "IntLogUniformDistribution", "attributes": {"low": 4, "high": 64, "step": 1}}');
INSERT INTO public.trial_params VALUES (15, 5, 'activation', 1, '{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "tanh"]}}');
INSERT INTO public.trial_params VALUES (16, 6, 'learning_rate', 0.7817928805172362, '{"name": "LogUniformDistribution", "attributes": {"low": 1e-05, "high": 1.0}}');
INSERT INTO public.trial_params VALUES (17, 6, 'units', 36, '{"name": "IntLogUniformDistribution", "attributes": {"low": 4, "high": 64, "step": 1}}');
INSERT INTO public.trial_params VALUES (18, 6, 'activation', 1, '{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "tanh"]}}');
INSERT INTO public.trial_user_attributes VALUES (1, 1, 'note', '"by hand"');
INSERT INTO public.trial_user_attributes VALUES (2, 2, 'note', '"by hand"');
INSERT INTO public.trial_user_attributes VALUES (3, 3, 'note', '"by hand"');
INSERT INTO public.trial_user_attributes VALUES (4, 5, 'note', '"by hand"');
INSERT INTO public.trial_user_attributes VALUES (5, 6, 'note', '"by hand"');
INSERT INTO public.trial_values VALUES (1, 1, 0, 0.977984255165057);
INSERT INTO public.trial_values VALUES (2, 2, 0, 0.866699092198698);
INSERT INTO public.trial_values VALUES (3, 3, 0, 0.6508845614061023);
INSERT INTO public.trial_values VALUES (4, 5, 0, 0.8841013397463588);
INSERT INTO public.trial_values VALUES (5, 6, 0, 0.5668257620424464);
INSERT INTO public.trials VALUES (1, 0, 1, 'COMPLETE', '2026-11-22 04:01:18.227311', '2026-11-22 04:01:18.274664');
INSERT INTO public.trials VALUES (2, 1, 1, 'COMPLETE', '2026-11-22 04:01:18.305055', '2026-11-22 04:01:18.532837');
INSERT INTO public.trials VALUES (3, 2, 1, 'COMPLETE', '2026-11-22 04:01:18.604816', '2026-11-22 04:01:18.840571');
INSERT INTO public.trials VALUES (4, 3, 1, 'PRUNED', '2026-11-22 04:01:18.908754', '2026-11-22 04:01:19.02067');
INSERT INTO public.trials VALUES (5, 4, 1, 'COMPLETE', '2026-11-22 04:01:19.073655', '2026-11-22 04:01:19.218671');
INSERT INTO public.trials VALUES (6, 5, 1, 'COMPLETE', '2026-11-22 04:01:19.267428', '2026-11-22 04:01:19.448421');
INSERT INTO public.version_info VALUES (1, 12, '2.10.1');
SELECT pg_catalog.setval('public.studies_study_id_seq', 1, true);
SELECT pg_catalog.setval('public.study_directions_study_direction_id_seq', 1, true);
SELECT pg_catalog.setval('public.study_system_attributes_study_system_attribute_id_seq', 1, false);
SELECT pg_catalog.setval('public.study_user_attributes_study_user_attribute_id_seq', 1, false);
SELECT pg_catalog.setval('public.trial_heartbeats_trial_heartbeat_id_seq', 1, false);
SELECT pg_catalog.setval('public.trial_intermediate_values_trial_intermediate_value_id_seq', 10, true);
SELECT pg_catalog.setval('public.trial_params_param_id_seq', 18, true);
SELECT pg_catalog.setval('public.trial_system_attributes_trial_system_attribute_id_seq', 1, false);
SELECT pg_catalog.setval('public.trial_user_attributes_trial_user_attribute_id_seq', 5, true);
SELECT pg_catalog.setval('public.trial_values_trial_value_id_seq', 5, true);
SELECT pg_catalog.setval('public.trials_trial_id_seq', 6, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.studies
    ADD CONSTRAINT studies_pkey PRIMARY KEY (study_id);
ALTER TABLE ONLY public.study_directions
    ADD CONSTRAINT study_directions_pkey PRIMARY KEY (study_direction_id);
ALTER TABLE ONLY public.study_directions
    ADD CONSTRAINT study_directions_study_id_objective_key UNIQUE (study_id, objective);
ALTER TABLE ONLY public.study_system_attributes
    ADD CONSTRAINT study_system_attributes_pkey PRIMARY KEY (study_system_attribute_id);
ALTER TABLE ONLY public.study_system_attributes
    ADD CONSTRAINT study_system_attributes_study_id_key_key UNIQUE (study_id, key);
ALTER TABLE ONLY public.study_user_attributes
    ADD CONSTRAINT study_user_attributes_pkey PRIMARY KEY (study_user_attribute_id);
ALTER TABLE ONLY public.study_user_attributes
    ADD CONSTRAINT study_user_attributes_study_id_key_key UNIQUE (study_id, key);
ALTER TABLE ONLY public.trial_heartbeats
    ADD CONSTRAINT trial_heartbeats_pkey PRIMARY KEY (trial_heartbeat_id);
ALTER TABLE ONLY public.trial_heartbeats
    ADD CONSTRAINT trial_heartbeats_trial_id_key UNIQUE (trial_id);
ALTER TABLE ONLY public.trial_intermediate_values
    ADD CONSTRAINT trial_intermediate_values_pkey PRIMARY KEY (trial_intermediate_value_id);
ALTER TABLE ONLY public.trial_intermediate_values
    ADD CONSTRAINT trial_intermediate_values_trial_id_step_key UNIQUE (trial_id, step);
ALTER TABLE ONLY public.trial_params
    ADD CONSTRAINT trial_params_pkey PRIMARY KEY (param_id);
ALTER TABLE ONLY public.trial_params
    ADD CONSTRAINT trial_params_trial_id_param_name_key UNIQUE (trial_id, param_name);
ALTER TABLE ONLY public.trial_system_attributes
    ADD CONSTRAINT trial_system_attributes_pkey PRIMARY KEY (trial_system_attribute_id);
ALTER TABLE ONLY public.trial_system_attributes
    ADD CONSTRAINT trial_system_attributes_trial_id_key_key UNIQUE (trial_id, key);
ALTER TABLE ONLY public.trial_user_attributes
    ADD CONSTRAINT trial_user_attributes_pkey PRIMARY KEY (trial_user_attribute_id);
ALTER TABLE ONLY public.trial_user_attributes
    ADD CONSTRAINT trial_user_attributes_trial_id_key_key UNIQUE (trial_id, key);
ALTER TABLE ONLY public.trial_values
    ADD CONSTRAINT trial_values_pkey PRIMARY KEY (trial_value_id);
ALTER TABLE ONLY public.trial_values
    ADD CONSTRAINT trial_values_trial_id_objective_key UNIQUE (trial_id, objective);
ALTER TABLE ONLY public.trials
    ADD CONSTRAINT trials_pkey PRIMARY KEY (trial_id);
ALTER TABLE ONLY public.version_info
    ADD CONSTRAINT version_info_pkey PRIMARY KEY (version_info_id);
CREATE UNIQUE INDEX ix_studies_study_name ON public.studies USING btree (study_name);
ALTER TABLE ONLY public.study_directions
    ADD CONSTRAINT study_directions_study_id_fkey FOREIGN KEY (study_id) REFERENCES public.studies(study_id);
ALTER TABLE ONLY public.study_system_attributes
    ADD CONSTRAINT study_system_attributes_study_id_fkey FOREIGN KEY (study_id) REFERENCES public.studies(study_id);
ALTER TABLE ONLY public.study_user_attributes
    ADD CONSTRAINT study_user_attributes_study_id_fkey FOREIGN KEY (study_id) REFERENCES public.studies(study_id);
ALTER TABLE ONLY public.trial_heartbeats
    ADD CONSTRAINT trial_heartbeats_trial_id_fkey FOREIGN KEY (trial_id) REFERENCES public.trials(trial_id);
ALTER TABLE ONLY public.trial_intermediate_values
    ADD CONSTRAINT trial_intermediate_values_trial_id_fkey FOREIGN KEY (trial_id) REFERENCES public.trials(trial_id);
ALTER TABLE ONLY public.trial_params
    ADD CONSTRAINT trial_params_trial_id_fkey FOREIGN KEY (trial_id) REFERENCES public.trials(trial_id);
ALTER TABLE ONLY public.trial_system_attributes
    ADD CONSTRAINT trial_system_attributes_trial_id_fkey FOREIGN KEY (trial_id) REFERENCES public.trials(trial_id);
ALTER TABLE ONLY public.trial_user_attributes
    ADD CONSTRAINT trial_user_attributes_trial_id_fkey FOREIGN KEY (trial_id) REFERENCES public.trials(trial_id);
ALTER TABLE ONLY public.trial_values
    ADD CONSTRAINT trial_values_trial_id_fkey FOREIGN KEY (trial_id) REFERENCES public.trials(trial_id);
ALTER TABLE ONLY public.trials
    ADD CONSTRAINT trials_study_id_fkey FOREIGN KEY (study_id) REFERENCES public.studies(study_id);
