// Part of Cascade. SPDX-License-Identifier: Apache-2.0

extension StoreSchema {
    /// Version 3: what training and off-policy evaluation need of a request, and what was promoted.
    ///
    /// `removed` counts events that were removed: whoever copied events before must look at all of them again. Columns are NULL
    /// in requests of before, and where nothing is known.
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
