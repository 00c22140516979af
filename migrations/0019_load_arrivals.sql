-- Who queues an attempt must not wait for everybody else who does: the row that counts a user's attempts is locked until a
-- commit is on disk, so those of one user came one after the other. Whoever claims counts what has arrived.
CREATE TABLE "load_arrivals" (
	"attempt_id" text PRIMARY KEY NOT NULL,
	"user_id" text NOT NULL,
	"environment_id" text NOT NULL
);
--> statement-breakpoint
CREATE OR REPLACE FUNCTION attempts_count_load() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	dq integer := 0;
	dr integer := 0;
	who text := coalesce(NEW.user_id, OLD.user_id);
	env text := coalesce(NEW.environment_id, OLD.environment_id);
BEGIN
	IF TG_OP = 'INSERT' AND NEW.state = 'queued' THEN
		INSERT INTO load_arrivals (attempt_id, user_id, environment_id) VALUES (NEW.id, who, env);
		RETURN NULL;
	END IF;
	IF TG_OP IN ('UPDATE', 'DELETE') THEN
		IF OLD.state = 'queued' THEN dq := dq - 1; END IF;
		IF OLD.state IN ('preparing', 'running', 'collecting') THEN dr := dr - 1; END IF;
	END IF;
	IF TG_OP IN ('INSERT', 'UPDATE') THEN
		IF NEW.state = 'queued' THEN dq := dq + 1; END IF;
		IF NEW.state IN ('preparing', 'running', 'collecting') THEN dr := dr + 1; END IF;
	END IF;
	IF dq <> 0 OR dr <> 0 THEN
		INSERT INTO user_load AS l (user_id, queued, running) VALUES (who, dq, dr)
			ON CONFLICT (user_id) DO UPDATE SET queued = l.queued + dq, running = l.running + dr,
				served_at = CASE WHEN dr > 0 THEN clock_timestamp() ELSE l.served_at END;
		INSERT INTO environment_load AS l (environment_id, queued, running) VALUES (env, dq, dr)
			ON CONFLICT (environment_id) DO UPDATE SET queued = l.queued + dq, running = l.running + dr;
	END IF;
	RETURN NULL;
END $$;
