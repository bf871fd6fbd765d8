// Part of Cascade. SPDX-License-Identifier: Apache-2.0

extension StoreSchema {
    /// The condition that an event's action is ``Action/dislike`` or ``Action/hide``.
    static let rejecting = "action IN (6, 7)"

    /// Version 3: what training and off-policy evaluation need of a request, and what was promoted.
    ///
    /// `removed` counts events that were removed: whoever copied events before must look at all of them again. Columns are NULL
    /// in requests of before, and where nothing is known.
    ///
    /// Rejections do not count as popularity, and are found by their user, however old they are.
    static let third = """
        ALTER TABLE requests ADD COLUMN kind TEXT;
        ALTER TABLE requests ADD COLUMN query TEXT;
        ALTER TABLE requests ADD COLUMN context TEXT;
        ALTER TABLE requests ADD COLUMN policy TEXT;
        ALTER TABLE requests ADD COLUMN versions TEXT;
        ALTER TABLE exposures ADD COLUMN score REAL;
        ALTER TABLE exposures ADD COLUMN propensity REAL;

        INSERT INTO facts VALUES ('removed', 0);
        CREATE TRIGGER events_counted_out AFTER DELETE ON events BEGIN
            UPDATE facts SET value = value + 1 WHERE name = 'removed';
        END;

        CREATE INDEX events_rejecting ON events (user) WHERE \(rejecting);
        DROP TRIGGER events_added;
        DROP TRIGGER events_removed;
        CREATE TRIGGER events_added AFTER INSERT ON events WHEN NOT (new.\(rejecting)) BEGIN
            INSERT INTO popularity VALUES (new.item, 1) ON CONFLICT (item) DO UPDATE SET events = events + 1;
        END;
        CREATE TRIGGER events_removed AFTER DELETE ON events WHEN NOT (old.\(rejecting)) BEGIN
            UPDATE popularity SET events = events - 1 WHERE item = old.item;
            DELETE FROM popularity WHERE item = old.item AND events <= 0;
        END;

        CREATE TABLE promotions (
            row INTEGER PRIMARY KEY,
            slot TEXT NOT NULL,
            decision TEXT NOT NULL,
            version TEXT NOT NULL,
            place TEXT NOT NULL,
            previous TEXT,
            time INTEGER NOT NULL,
            reason TEXT NOT NULL,
            report TEXT NOT NULL,
            applied INTEGER,
            problem TEXT
        ) STRICT;
        CREATE INDEX promotions_by_slot ON promotions (slot);
        """
}
