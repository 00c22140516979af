CREATE TABLE "audit_entries" (
	"seq" bigint PRIMARY KEY NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"actor_id" text,
	"actor_name" text NOT NULL,
	"via" text NOT NULL,
	"credential_id" text,
	"address" text,
	"action" text NOT NULL,
	"target_kind" text NOT NULL,
	"target_id" text NOT NULL,
	"target_name" text NOT NULL,
	"before" jsonb,
	"after" jsonb,
	"previous_hash" "bytea" NOT NULL,
	"hash" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "audit_head" (
	"id" integer PRIMARY KEY NOT NULL,
	"seq" bigint NOT NULL,
	"hash" "bytea" NOT NULL,
	"anchor_seq" bigint NOT NULL,
	"anchor_hash" "bytea" NOT NULL,
	CONSTRAINT "audit_head_one" CHECK (id = 1)
);
--> statement-breakpoint
CREATE TABLE "audit_token_uses" (
	"token_id" text PRIMARY KEY NOT NULL,
	"at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "audit_token_uses" ADD CONSTRAINT "audit_token_uses_token_id_api_tokens_id_fk" FOREIGN KEY ("token_id") REFERENCES "public"."api_tokens"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "audit_entries_by_actor" ON "audit_entries" USING btree ("actor_id","seq");--> statement-breakpoint
CREATE INDEX "audit_entries_by_target" ON "audit_entries" USING btree ("target_id","seq");--> statement-breakpoint
CREATE INDEX "audit_entries_by_action" ON "audit_entries" USING btree ("action","seq");--> statement-breakpoint
INSERT INTO "audit_head" ("id", "seq", "hash", "anchor_seq", "anchor_hash")
VALUES (1, 0, decode(repeat('0', 64), 'hex'), 0, decode(repeat('0', 64), 'hex'));
--> statement-breakpoint
-- The functions that move the head have the rights of whoever owns the tables, so that the server may run under a role which
-- can do no more than SELECT and INSERT on audit_entries.
CREATE FUNCTION audit_take_turn(OUT seq bigint, OUT hash bytea, OUT now_at timestamptz)
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
	SELECT h.seq, h.hash INTO seq, hash FROM audit_head h FOR UPDATE;
	now_at := clock_timestamp();
END $$;
--> statement-breakpoint
-- Only what continues the chain is taken: no gap and no fork, whoever writes.
CREATE FUNCTION audit_append() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
	UPDATE audit_head h SET seq = NEW.seq, hash = NEW.hash WHERE h.seq = NEW.seq - 1 AND h.hash = NEW.previous_hash;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'Cannot append to the audit log: entry % does not continue it', NEW.seq;
	END IF;
	RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER audit_entries_append BEFORE INSERT ON audit_entries
	FOR EACH ROW EXECUTE FUNCTION audit_append();
--> statement-breakpoint
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'Cannot % %: the audit log is append-only', lower(TG_OP), TG_TABLE_NAME;
END $$;
--> statement-breakpoint
-- What lies behind the anchor is removed, and nothing else.
CREATE FUNCTION audit_refuse_delete() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
	IF OLD.seq > (SELECT anchor_seq FROM audit_head) THEN
		RAISE EXCEPTION 'Cannot delete %: the audit log is append-only', TG_TABLE_NAME;
	END IF;
	RETURN OLD;
END $$;
--> statement-breakpoint
CREATE TRIGGER audit_entries_no_update BEFORE UPDATE ON audit_entries
	FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
--> statement-breakpoint
CREATE TRIGGER audit_entries_no_delete BEFORE DELETE ON audit_entries
	FOR EACH ROW EXECUTE FUNCTION audit_refuse_delete();
--> statement-breakpoint
CREATE TRIGGER audit_entries_no_truncate BEFORE TRUNCATE ON audit_entries
	FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
--> statement-breakpoint
-- When entries are old enough to go; null: never.
CREATE FUNCTION audit_cutoff() RETURNS timestamptz
	LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
	SELECT now() - make_interval(days => (value #>> '{}')::integer) FROM settings WHERE key = 'auditRetentionDays'
$$;
--> statement-breakpoint
-- The end moves by an entry that is appended, the anchor up to an entry that is old enough.
CREATE FUNCTION audit_guard_head() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
	IF NEW.id = OLD.id AND NEW.anchor_seq = OLD.anchor_seq AND NEW.anchor_hash = OLD.anchor_hash
		AND NEW.seq = OLD.seq + 1 AND pg_trigger_depth() > 1 THEN
		RETURN NEW;
	END IF;
	IF NEW.id = OLD.id AND NEW.seq = OLD.seq AND NEW.hash = OLD.hash AND NEW.anchor_seq > OLD.anchor_seq AND EXISTS (
		SELECT FROM audit_entries e
		WHERE e.seq = NEW.anchor_seq AND e.hash = NEW.anchor_hash AND e.at < audit_cutoff()
	) THEN
		RETURN NEW;
	END IF;
	RAISE EXCEPTION 'Cannot update audit_head: the audit log is append-only';
END $$;
--> statement-breakpoint
CREATE TRIGGER audit_head_guard BEFORE UPDATE ON audit_head
	FOR EACH ROW EXECUTE FUNCTION audit_guard_head();
--> statement-breakpoint
CREATE TRIGGER audit_head_no_delete BEFORE DELETE ON audit_head
	FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
--> statement-breakpoint
CREATE TRIGGER audit_head_no_truncate BEFORE TRUNCATE ON audit_head
	FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
--> statement-breakpoint
-- Removes the oldest entries, as far as the workspace's setting says: those before the first that it keeps.
CREATE FUNCTION audit_prune(most integer, OUT removed integer, OUT seq bigint, OUT hash bytea)
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
	removed := 0;
	PERFORM FROM audit_head FOR UPDATE;
	SELECT old.seq, old.hash INTO seq, hash FROM (
		SELECT e.seq, e.hash, bool_and(e.at < audit_cutoff()) OVER (ORDER BY e.seq) AS gone
		FROM (SELECT * FROM audit_entries a ORDER BY a.seq LIMIT most) e
	) old WHERE old.gone ORDER BY old.seq DESC LIMIT 1;
	IF seq IS NULL THEN RETURN; END IF;
	UPDATE audit_head SET anchor_seq = audit_prune.seq, anchor_hash = audit_prune.hash;
	DELETE FROM audit_entries e WHERE e.seq <= audit_prune.seq;
	GET DIAGNOSTICS removed = ROW_COUNT;
END $$;
