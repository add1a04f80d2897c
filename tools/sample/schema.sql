-- The sample database before its migration: thirty core tables without an organization, their
-- neighbours, and the five tables that already know one. Runs in psql as it stands, in an empty
-- database. The generator fills the tables between the two parts, at the line "-- After the data".

CREATE TYPE user_role AS ENUM ('user', 'admin', 'manager');
CREATE TYPE membership_role AS ENUM
  ('owner', 'admin', 'dispatcher', 'finance', 'viewer', 'worker');

-- Organizations and what belongs to them from the start

CREATE TABLE organizations (
  org_id uuid NOT NULL,
  name varchar(255) NOT NULL,
  slug varchar(120),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE organization_billing (
  org_id uuid NOT NULL,
  plan_id varchar(32) NOT NULL DEFAULT 'free',
  status varchar(32) NOT NULL DEFAULT 'active',
  stripe_customer_id varchar(255),
  stripe_subscription_id varchar(255),
  current_period_end timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE organization_usage_events (
  event_id varchar(36) NOT NULL,
  org_id uuid NOT NULL,
  metric varchar(64) NOT NULL,
  quantity integer NOT NULL DEFAULT 1,
  resource_id varchar(64),
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE users (
  user_id varchar(36) NOT NULL,
  email varchar(255) NOT NULL,
  full_name varchar(255) NOT NULL,
  password_hash varchar(255) NOT NULL,
  role user_role NOT NULL DEFAULT 'user',
  is_active boolean NOT NULL DEFAULT true,
  last_login_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE memberships (
  membership_id varchar(36) NOT NULL,
  org_id uuid NOT NULL,
  user_id varchar(36) NOT NULL,
  role membership_role NOT NULL,
  is_active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_tokens (
  token_id varchar(36) NOT NULL,
  org_id uuid NOT NULL,
  user_id varchar(36),
  token_hash varchar(64) NOT NULL,
  role membership_role NOT NULL,
  description varchar(255),
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  revoked_at timestamptz
);

-- Teams

CREATE TABLE teams (
  team_id serial,
  name varchar(120) NOT NULL,
  timezone varchar(64) NOT NULL DEFAULT 'UTC',
  settings jsonb NOT NULL DEFAULT '{}',
  is_active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE workers (
  worker_id serial,
  team_id integer NOT NULL,
  name varchar(120) NOT NULL,
  phone varchar(32) NOT NULL,
  email varchar(255),
  job_title varchar(80),
  hourly_rate_cents integer,
  skills jsonb NOT NULL DEFAULT '[]',
  is_active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE team_blackouts (
  id serial,
  team_id integer NOT NULL,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  reason varchar(255)
);

CREATE TABLE team_working_hours (
  id serial,
  team_id integer NOT NULL,
  day_of_week integer NOT NULL,
  start_time time NOT NULL,
  end_time time NOT NULL
);

-- Clients and leads

CREATE TABLE client_users (
  client_id varchar(36) NOT NULL,
  email varchar(255) NOT NULL,
  name varchar(120),
  phone varchar(32),
  address varchar(255),
  notes text,
  is_active boolean NOT NULL DEFAULT true,
  last_login_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE leads (
  lead_id varchar(36) NOT NULL,
  name varchar(120) NOT NULL,
  phone varchar(32) NOT NULL,
  email varchar(255),
  postal_code varchar(16),
  address varchar(255),
  structured_inputs jsonb NOT NULL,
  estimate_snapshot jsonb NOT NULL,
  status varchar(32) NOT NULL DEFAULT 'NEW',
  utm_source varchar(64),
  referral_code varchar(16) NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE referral_credits (
  credit_id varchar(36) NOT NULL,
  referrer_lead_id varchar(36) NOT NULL,
  referred_lead_id varchar(36) NOT NULL,
  applied_code varchar(16) NOT NULL,
  credit_cents integer NOT NULL,
  status varchar(32) NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE subscriptions (
  subscription_id varchar(36) NOT NULL,
  client_id varchar(36) NOT NULL,
  status varchar(32) NOT NULL DEFAULT 'active',
  frequency varchar(16) NOT NULL,
  start_date date NOT NULL,
  next_run_at timestamptz,
  preferred_weekday integer,
  base_service_type varchar(32) NOT NULL,
  base_price_cents integer NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE subscription_addons (
  subscription_addon_id serial,
  subscription_id varchar(36) NOT NULL,
  addon_code varchar(64) NOT NULL,
  price_cents integer NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE chat_sessions (
  session_id varchar(36) NOT NULL,
  brand varchar(32) NOT NULL,
  status varchar(32) NOT NULL,
  state jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

-- Bookings

CREATE TABLE addon_definitions (
  addon_id serial,
  code varchar(64) NOT NULL,
  name varchar(120) NOT NULL,
  description text,
  default_minutes integer NOT NULL,
  price_cents integer NOT NULL,
  is_active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE bookings (
  booking_id varchar(36) NOT NULL,
  client_id varchar(36),
  lead_id varchar(36),
  subscription_id varchar(36),
  team_id integer,
  assigned_worker_id integer,
  status varchar(32) NOT NULL DEFAULT 'PENDING',
  service_type varchar(32) NOT NULL,
  starts_at timestamptz NOT NULL,
  duration_minutes integer NOT NULL,
  actual_duration_minutes integer,
  deposit_required boolean NOT NULL DEFAULT false,
  deposit_cents integer,
  total_cents integer NOT NULL,
  risk_score integer NOT NULL DEFAULT 0,
  risk_reasons jsonb NOT NULL DEFAULT '[]',
  policy_snapshot jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE order_addons (
  order_addon_id serial,
  order_id varchar(36) NOT NULL,
  addon_id integer NOT NULL,
  quantity integer NOT NULL DEFAULT 1,
  unit_price_cents integer NOT NULL,
  minutes integer NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE order_photos (
  photo_id varchar(36) NOT NULL,
  order_id varchar(36) NOT NULL,
  phase varchar(16) NOT NULL,
  storage_key varchar(255) NOT NULL,
  content_type varchar(64) NOT NULL,
  size_bytes integer NOT NULL,
  sha256 varchar(64) NOT NULL,
  uploaded_by varchar(120) NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE disputes (
  dispute_id varchar(36) NOT NULL,
  booking_id varchar(36) NOT NULL,
  state varchar(32) NOT NULL,
  reason varchar(255),
  facts jsonb NOT NULL DEFAULT '{}',
  decision_cents integer,
  opened_at timestamptz NOT NULL DEFAULT now(),
  closed_at timestamptz
);

CREATE TABLE financial_adjustment_events (
  event_id varchar(36) NOT NULL,
  booking_id varchar(36) NOT NULL,
  dispute_id varchar(36),
  amount_cents integer NOT NULL,
  reason varchar(255) NOT NULL,
  totals_before jsonb NOT NULL,
  totals_after jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Checklists

CREATE TABLE checklist_templates (
  template_id serial,
  name varchar(160) NOT NULL,
  service_type varchar(32) NOT NULL,
  version integer NOT NULL DEFAULT 1,
  is_active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE checklist_template_items (
  item_id serial,
  template_id integer NOT NULL,
  position integer NOT NULL,
  label varchar(255) NOT NULL,
  phase varchar(16) NOT NULL,
  required boolean NOT NULL DEFAULT false
);

CREATE TABLE checklist_runs (
  run_id varchar(36) NOT NULL,
  order_id varchar(36) NOT NULL,
  template_id integer NOT NULL,
  status varchar(32) NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  completed_at timestamptz
);

CREATE TABLE checklist_run_items (
  run_item_id varchar(36) NOT NULL,
  run_id varchar(36) NOT NULL,
  template_item_id integer NOT NULL,
  checked_at timestamptz,
  note text,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Invoices

CREATE TABLE invoice_number_sequences (
  sequence_id serial,
  year integer NOT NULL,
  last_number integer NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE invoices (
  invoice_id varchar(36) NOT NULL,
  invoice_number varchar(32) NOT NULL,
  order_id varchar(36),
  customer_id varchar(36),
  status varchar(32) NOT NULL,
  issue_date date NOT NULL,
  due_date date,
  currency varchar(3) NOT NULL,
  subtotal_cents integer NOT NULL,
  tax_cents integer NOT NULL,
  total_cents integer NOT NULL,
  notes text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE invoice_items (
  item_id serial,
  invoice_id varchar(36) NOT NULL,
  description varchar(255) NOT NULL,
  quantity integer NOT NULL,
  unit_price_cents integer NOT NULL,
  line_total_cents integer NOT NULL,
  tax_basis_points integer
);

CREATE TABLE invoice_payments (
  payment_id varchar(36) NOT NULL,
  invoice_id varchar(36) NOT NULL,
  booking_id varchar(36),
  provider varchar(32) NOT NULL,
  provider_ref varchar(255),
  method varchar(32) NOT NULL,
  amount_cents integer NOT NULL,
  currency varchar(3) NOT NULL,
  status varchar(32) NOT NULL,
  received_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE invoice_public_tokens (
  token_id serial,
  invoice_id varchar(36) NOT NULL,
  token_hash varchar(64) NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  rotated_at timestamptz
);

CREATE TABLE stripe_events (
  event_id varchar(255) NOT NULL,
  event_type varchar(64) NOT NULL,
  status varchar(32) NOT NULL,
  payload_hash varchar(64) NOT NULL,
  last_error text,
  processed_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Documents, mail, audit

CREATE TABLE document_templates (
  template_id serial,
  document_type varchar(32) NOT NULL,
  name varchar(160) NOT NULL,
  version integer NOT NULL,
  content jsonb NOT NULL,
  is_active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE documents (
  document_id varchar(36) NOT NULL,
  template_id integer,
  document_type varchar(32) NOT NULL,
  reference_id varchar(64) NOT NULL,
  snapshot jsonb NOT NULL,
  sha256 varchar(64) NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE email_events (
  event_id varchar(36) NOT NULL,
  booking_id varchar(36),
  invoice_id varchar(36),
  email_type varchar(64) NOT NULL,
  recipient varchar(255) NOT NULL,
  subject varchar(255) NOT NULL,
  body text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE admin_audit_logs (
  audit_id varchar(36) NOT NULL,
  actor varchar(150) NOT NULL,
  action varchar(150) NOT NULL,
  resource_type varchar(100),
  resource_id varchar(64),
  before jsonb,
  after jsonb,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Neighbours

CREATE TABLE work_time_entries (
  entry_id varchar(36) NOT NULL,
  booking_id varchar(36) NOT NULL,
  worker_id integer,
  state varchar(16) NOT NULL,
  started_at timestamptz,
  ended_at timestamptz,
  total_seconds integer NOT NULL DEFAULT 0
);

CREATE TABLE reason_logs (
  reason_id varchar(36) NOT NULL,
  order_id varchar(36) NOT NULL,
  time_entry_id varchar(36),
  kind varchar(32) NOT NULL,
  code varchar(64) NOT NULL,
  note text,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE policy_override_audits (
  audit_id varchar(36) NOT NULL,
  booking_id varchar(36) NOT NULL,
  override_type varchar(64) NOT NULL,
  actor varchar(120) NOT NULL,
  reason text NOT NULL,
  old_value jsonb NOT NULL,
  new_value jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE nps_responses (
  id serial,
  order_id varchar(36) NOT NULL,
  client_id varchar(36),
  score integer NOT NULL,
  comment text,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE support_tickets (
  id varchar(36) NOT NULL,
  order_id varchar(36) NOT NULL,
  client_id varchar(36),
  status varchar(32) NOT NULL,
  priority varchar(16) NOT NULL,
  subject varchar(255) NOT NULL,
  body text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE event_logs (
  event_id varchar(36) NOT NULL,
  booking_id varchar(36),
  event_type varchar(64) NOT NULL,
  payload jsonb,
  occurred_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE export_events (
  event_id varchar(36) NOT NULL,
  lead_id varchar(36),
  mode varchar(32) NOT NULL,
  target_host varchar(255),
  attempts integer NOT NULL,
  last_error text,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE job_heartbeats (
  name varchar(64) NOT NULL,
  runner_id varchar(128),
  last_heartbeat timestamptz NOT NULL
);

CREATE TABLE alembic_version (
  version_num varchar(32) NOT NULL
);

-- After the data

ALTER TABLE organizations ADD PRIMARY KEY (org_id);
ALTER TABLE organization_billing ADD PRIMARY KEY (org_id);
ALTER TABLE organization_usage_events ADD PRIMARY KEY (event_id);
ALTER TABLE users ADD PRIMARY KEY (user_id);
ALTER TABLE memberships ADD PRIMARY KEY (membership_id);
ALTER TABLE api_tokens ADD PRIMARY KEY (token_id);
ALTER TABLE teams ADD PRIMARY KEY (team_id);
ALTER TABLE workers ADD PRIMARY KEY (worker_id);
ALTER TABLE team_blackouts ADD PRIMARY KEY (id);
ALTER TABLE team_working_hours ADD PRIMARY KEY (id);
ALTER TABLE client_users ADD PRIMARY KEY (client_id);
ALTER TABLE leads ADD PRIMARY KEY (lead_id);
ALTER TABLE referral_credits ADD PRIMARY KEY (credit_id);
ALTER TABLE subscriptions ADD PRIMARY KEY (subscription_id);
ALTER TABLE subscription_addons ADD PRIMARY KEY (subscription_addon_id);
ALTER TABLE chat_sessions ADD PRIMARY KEY (session_id);
ALTER TABLE addon_definitions ADD PRIMARY KEY (addon_id);
ALTER TABLE bookings ADD PRIMARY KEY (booking_id);
ALTER TABLE order_addons ADD PRIMARY KEY (order_addon_id);
ALTER TABLE order_photos ADD PRIMARY KEY (photo_id);
ALTER TABLE disputes ADD PRIMARY KEY (dispute_id);
ALTER TABLE financial_adjustment_events ADD PRIMARY KEY (event_id);
ALTER TABLE checklist_templates ADD PRIMARY KEY (template_id);
ALTER TABLE checklist_template_items ADD PRIMARY KEY (item_id);
ALTER TABLE checklist_runs ADD PRIMARY KEY (run_id);
ALTER TABLE checklist_run_items ADD PRIMARY KEY (run_item_id);
ALTER TABLE invoice_number_sequences ADD PRIMARY KEY (sequence_id);
ALTER TABLE invoices ADD PRIMARY KEY (invoice_id);
ALTER TABLE invoice_items ADD PRIMARY KEY (item_id);
ALTER TABLE invoice_payments ADD PRIMARY KEY (payment_id);
ALTER TABLE invoice_public_tokens ADD PRIMARY KEY (token_id);
ALTER TABLE stripe_events ADD PRIMARY KEY (event_id);
ALTER TABLE document_templates ADD PRIMARY KEY (template_id);
ALTER TABLE documents ADD PRIMARY KEY (document_id);
ALTER TABLE email_events ADD PRIMARY KEY (event_id);
ALTER TABLE admin_audit_logs ADD PRIMARY KEY (audit_id);
ALTER TABLE work_time_entries ADD PRIMARY KEY (entry_id);
ALTER TABLE reason_logs ADD PRIMARY KEY (reason_id);
ALTER TABLE policy_override_audits ADD PRIMARY KEY (audit_id);
ALTER TABLE nps_responses ADD PRIMARY KEY (id);
ALTER TABLE support_tickets ADD PRIMARY KEY (id);
ALTER TABLE event_logs ADD PRIMARY KEY (event_id);
ALTER TABLE export_events ADD PRIMARY KEY (event_id);
ALTER TABLE job_heartbeats ADD PRIMARY KEY (name);
ALTER TABLE alembic_version ADD PRIMARY KEY (version_num);

CREATE UNIQUE INDEX uq_organizations_slug ON organizations (slug);
CREATE INDEX ix_organization_usage_events_org_created ON organization_usage_events (org_id, created_at);
CREATE UNIQUE INDEX uq_users_email ON users (email);
CREATE INDEX ix_users_role ON users (role);
CREATE UNIQUE INDEX uq_memberships_org_user ON memberships (org_id, user_id);
CREATE INDEX ix_memberships_user_id ON memberships (user_id);
CREATE UNIQUE INDEX uq_api_tokens_hash ON api_tokens (token_hash);
CREATE INDEX ix_api_tokens_org_id ON api_tokens (org_id);
CREATE INDEX ix_api_tokens_user_id ON api_tokens (user_id);
CREATE UNIQUE INDEX uq_teams_name ON teams (name);
CREATE INDEX ix_workers_team_id ON workers (team_id);
CREATE UNIQUE INDEX uq_workers_phone ON workers (phone);
CREATE INDEX ix_team_blackouts_team_id ON team_blackouts (team_id);
CREATE UNIQUE INDEX uq_team_working_hours_team_day ON team_working_hours (team_id, day_of_week);
CREATE UNIQUE INDEX uq_client_users_email ON client_users (email);
CREATE UNIQUE INDEX uq_leads_referral_code ON leads (referral_code);
CREATE INDEX ix_leads_email ON leads (email);
CREATE INDEX ix_leads_status_created ON leads (status, created_at);
CREATE INDEX ix_referral_credits_referrer_lead_id ON referral_credits (referrer_lead_id);
CREATE INDEX ix_referral_credits_referred_lead_id ON referral_credits (referred_lead_id);
CREATE INDEX ix_subscriptions_client_id ON subscriptions (client_id);
CREATE INDEX ix_subscriptions_next_run ON subscriptions (next_run_at) WHERE status = 'active';
CREATE INDEX ix_subscription_addons_subscription_id ON subscription_addons (subscription_id);
CREATE INDEX ix_chat_sessions_updated ON chat_sessions (updated_at);
CREATE UNIQUE INDEX uq_addon_definitions_code ON addon_definitions (code);
CREATE INDEX ix_bookings_client_id ON bookings (client_id);
CREATE INDEX ix_bookings_lead_id ON bookings (lead_id);
CREATE INDEX ix_bookings_subscription_id ON bookings (subscription_id);
CREATE INDEX ix_bookings_team_starts ON bookings (team_id, starts_at);
CREATE INDEX ix_bookings_assigned_worker_id ON bookings (assigned_worker_id);
CREATE INDEX ix_bookings_starts_at ON bookings (starts_at);
CREATE INDEX ix_bookings_status_created ON bookings (status, created_at);
CREATE INDEX ix_order_addons_order_id ON order_addons (order_id);
CREATE INDEX ix_order_addons_addon_id ON order_addons (addon_id);
CREATE INDEX ix_order_photos_order_id ON order_photos (order_id);
CREATE INDEX ix_disputes_booking_id ON disputes (booking_id);
CREATE INDEX ix_financial_adjustment_events_booking_id ON financial_adjustment_events (booking_id);
CREATE INDEX ix_financial_adjustment_events_dispute_id ON financial_adjustment_events (dispute_id);
CREATE UNIQUE INDEX uq_checklist_template_items_position
  ON checklist_template_items (template_id, position);
CREATE INDEX ix_checklist_runs_order_id ON checklist_runs (order_id);
CREATE INDEX ix_checklist_runs_template_id ON checklist_runs (template_id);
CREATE INDEX ix_checklist_run_items_run_id ON checklist_run_items (run_id);
CREATE INDEX ix_checklist_run_items_template_item_id ON checklist_run_items (template_item_id);
CREATE UNIQUE INDEX uq_invoice_number_sequences_year ON invoice_number_sequences (year);
CREATE UNIQUE INDEX uq_invoices_number ON invoices (invoice_number);
CREATE INDEX ix_invoices_order_id ON invoices (order_id);
CREATE INDEX ix_invoices_customer_id ON invoices (customer_id);
CREATE INDEX ix_invoices_status ON invoices (status);
CREATE INDEX ix_invoice_items_invoice_id ON invoice_items (invoice_id);
CREATE INDEX ix_invoice_payments_invoice_id ON invoice_payments (invoice_id);
CREATE INDEX ix_invoice_payments_booking_id ON invoice_payments (booking_id);
CREATE INDEX ix_invoice_payments_provider_ref ON invoice_payments (provider_ref);
CREATE INDEX ix_invoice_public_tokens_invoice_id ON invoice_public_tokens (invoice_id);
CREATE UNIQUE INDEX uq_invoice_public_tokens_hash ON invoice_public_tokens (token_hash);
CREATE INDEX ix_stripe_events_status ON stripe_events (status);
CREATE INDEX ix_document_templates_type ON document_templates (document_type);
CREATE INDEX ix_documents_template_id ON documents (template_id);
CREATE INDEX ix_documents_reference ON documents (reference_id);
CREATE INDEX ix_email_events_booking_id ON email_events (booking_id);
CREATE INDEX ix_email_events_invoice_id ON email_events (invoice_id);
CREATE INDEX ix_email_events_type_created ON email_events (email_type, created_at);
CREATE INDEX ix_admin_audit_logs_created ON admin_audit_logs (created_at);
CREATE INDEX ix_admin_audit_logs_resource ON admin_audit_logs (resource_type, resource_id);
CREATE INDEX ix_work_time_entries_booking_id ON work_time_entries (booking_id);
CREATE INDEX ix_work_time_entries_worker_id ON work_time_entries (worker_id);
CREATE INDEX ix_reason_logs_order_id ON reason_logs (order_id);
CREATE INDEX ix_reason_logs_time_entry_id ON reason_logs (time_entry_id);
CREATE INDEX ix_policy_override_audits_booking_id ON policy_override_audits (booking_id);
CREATE INDEX ix_nps_responses_order_id ON nps_responses (order_id);
CREATE INDEX ix_nps_responses_client_id ON nps_responses (client_id);
CREATE INDEX ix_support_tickets_order_id ON support_tickets (order_id);
CREATE INDEX ix_support_tickets_client_id ON support_tickets (client_id);
CREATE INDEX ix_event_logs_booking_id ON event_logs (booking_id);
CREATE INDEX ix_export_events_lead_id ON export_events (lead_id);

ALTER TABLE organization_billing
  ADD FOREIGN KEY (org_id) REFERENCES organizations (org_id);
ALTER TABLE organization_usage_events
  ADD FOREIGN KEY (org_id) REFERENCES organizations (org_id);
ALTER TABLE memberships
  ADD FOREIGN KEY (org_id) REFERENCES organizations (org_id),
  ADD FOREIGN KEY (user_id) REFERENCES users (user_id) ON DELETE CASCADE;
ALTER TABLE api_tokens
  ADD FOREIGN KEY (org_id) REFERENCES organizations (org_id),
  ADD FOREIGN KEY (user_id) REFERENCES users (user_id) ON DELETE SET NULL;
ALTER TABLE workers ADD FOREIGN KEY (team_id) REFERENCES teams (team_id);
ALTER TABLE team_blackouts
  ADD FOREIGN KEY (team_id) REFERENCES teams (team_id) ON DELETE CASCADE;
ALTER TABLE team_working_hours
  ADD FOREIGN KEY (team_id) REFERENCES teams (team_id) ON DELETE CASCADE;
ALTER TABLE referral_credits
  ADD FOREIGN KEY (referrer_lead_id) REFERENCES leads (lead_id),
  ADD FOREIGN KEY (referred_lead_id) REFERENCES leads (lead_id);
ALTER TABLE subscriptions ADD FOREIGN KEY (client_id) REFERENCES client_users (client_id);
ALTER TABLE subscription_addons
  ADD FOREIGN KEY (subscription_id) REFERENCES subscriptions (subscription_id) ON DELETE CASCADE;
ALTER TABLE bookings
  ADD FOREIGN KEY (client_id) REFERENCES client_users (client_id),
  ADD FOREIGN KEY (lead_id) REFERENCES leads (lead_id),
  ADD FOREIGN KEY (subscription_id) REFERENCES subscriptions (subscription_id),
  ADD FOREIGN KEY (team_id) REFERENCES teams (team_id),
  ADD FOREIGN KEY (assigned_worker_id) REFERENCES workers (worker_id);
ALTER TABLE order_addons
  ADD FOREIGN KEY (order_id) REFERENCES bookings (booking_id) ON DELETE CASCADE,
  ADD FOREIGN KEY (addon_id) REFERENCES addon_definitions (addon_id);
ALTER TABLE order_photos
  ADD FOREIGN KEY (order_id) REFERENCES bookings (booking_id) ON DELETE CASCADE;
ALTER TABLE disputes ADD FOREIGN KEY (booking_id) REFERENCES bookings (booking_id);
ALTER TABLE financial_adjustment_events
  ADD FOREIGN KEY (booking_id) REFERENCES bookings (booking_id),
  ADD FOREIGN KEY (dispute_id) REFERENCES disputes (dispute_id);
ALTER TABLE checklist_template_items
  ADD FOREIGN KEY (template_id) REFERENCES checklist_templates (template_id) ON DELETE CASCADE;
ALTER TABLE checklist_runs
  ADD FOREIGN KEY (order_id) REFERENCES bookings (booking_id),
  ADD FOREIGN KEY (template_id) REFERENCES checklist_templates (template_id);
ALTER TABLE checklist_run_items
  ADD FOREIGN KEY (run_id) REFERENCES checklist_runs (run_id) ON DELETE CASCADE,
  ADD FOREIGN KEY (template_item_id) REFERENCES checklist_template_items (item_id);
ALTER TABLE invoices
  ADD FOREIGN KEY (order_id) REFERENCES bookings (booking_id),
  ADD FOREIGN KEY (customer_id) REFERENCES leads (lead_id);
ALTER TABLE invoice_items
  ADD FOREIGN KEY (invoice_id) REFERENCES invoices (invoice_id) ON DELETE CASCADE;
ALTER TABLE invoice_payments
  ADD FOREIGN KEY (invoice_id) REFERENCES invoices (invoice_id),
  ADD FOREIGN KEY (booking_id) REFERENCES bookings (booking_id);
ALTER TABLE invoice_public_tokens
  ADD FOREIGN KEY (invoice_id) REFERENCES invoices (invoice_id) ON DELETE CASCADE;
ALTER TABLE documents
  ADD FOREIGN KEY (template_id) REFERENCES document_templates (template_id);
ALTER TABLE email_events
  ADD FOREIGN KEY (booking_id) REFERENCES bookings (booking_id),
  ADD FOREIGN KEY (invoice_id) REFERENCES invoices (invoice_id);
ALTER TABLE work_time_entries
  ADD FOREIGN KEY (booking_id) REFERENCES bookings (booking_id),
  ADD FOREIGN KEY (worker_id) REFERENCES workers (worker_id);
ALTER TABLE reason_logs
  ADD FOREIGN KEY (order_id) REFERENCES bookings (booking_id),
  ADD FOREIGN KEY (time_entry_id) REFERENCES work_time_entries (entry_id);
ALTER TABLE policy_override_audits
  ADD FOREIGN KEY (booking_id) REFERENCES bookings (booking_id);
ALTER TABLE nps_responses
  ADD FOREIGN KEY (order_id) REFERENCES bookings (booking_id),
  ADD FOREIGN KEY (client_id) REFERENCES client_users (client_id);
ALTER TABLE support_tickets
  ADD FOREIGN KEY (order_id) REFERENCES bookings (booking_id),
  ADD FOREIGN KEY (client_id) REFERENCES client_users (client_id);
ALTER TABLE event_logs ADD FOREIGN KEY (booking_id) REFERENCES bookings (booking_id);
ALTER TABLE export_events ADD FOREIGN KEY (lead_id) REFERENCES leads (lead_id);

COMMENT ON COLUMN users.role IS 'What the account may do in the back office.';
GRANT SELECT (user_id, role) ON users TO PUBLIC;
