-- How busy users and environments are, counted where the truth changes. Users first, then environments: one lock order.
CREATE FUNCTION attempts_count_load() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	dq integer := 0;
	dr integer := 0;
	who text := coalesce(NEW.user_id, OLD.user_id);
	env text := coalesce(NEW.environment_id, OLD.environment_id);
BEGIN
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
--> statement-breakpoint
CREATE TRIGGER attempts_load AFTER INSERT OR DELETE OR UPDATE OF state ON attempts
	FOR EACH ROW EXECUTE FUNCTION attempts_count_load();
--> statement-breakpoint
-- The state of a task is that of the attempts of its last turn: live as long as one is, then the best of them.
CREATE FUNCTION attempts_derive_task_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE tasks SET state = derived.state
	FROM (
		SELECT a.state FROM attempts a JOIN turns t ON t.id = a.turn_id
		WHERE a.task_id = NEW.task_id AND t.n = (SELECT max(n) FROM turns WHERE task_id = NEW.task_id)
		ORDER BY array_position(
			ARRAY['collecting', 'running', 'preparing', 'queued', 'succeeded', 'failed', 'cancelled'], a.state)
		LIMIT 1
	) derived
	WHERE tasks.id = NEW.task_id AND tasks.state <> derived.state;
	RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER attempts_task_state AFTER INSERT OR UPDATE OF state ON attempts
	FOR EACH ROW EXECUTE FUNCTION attempts_derive_task_state();
--> statement-breakpoint
ALTER TABLE user_load SET (fillfactor = 50);
--> statement-breakpoint
ALTER TABLE environment_load SET (fillfactor = 50);
--> statement-breakpoint
ALTER TABLE task_event_heads SET (fillfactor = 50);
--> statement-breakpoint
ALTER TABLE attempts SET (fillfactor = 80);
