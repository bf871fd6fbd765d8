// Part of Cascade. SPDX-License-Identifier: Apache-2.0

extension StoreSchema {
    /// Version 2.
    ///
    /// `facts` are single values: the salt of `erased`, how often items were changed and people erased, and how the store was filled.
    /// `erased` remembers who was erased, as a salted hash, and when. A row of `erasures` names its person, with the last event and
    /// request that go, until those rows are gone. Triggers count for every writer, also for one that is no program of ours.
    static let second = """
        CREATE TABLE facts (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
        INSERT INTO facts VALUES ('salt', randomblob(32)), ('items', 0), ('erased', 0), ('scrubbed', 0);
        INSERT INTO facts SELECT 'filled', 'done' WHERE EXISTS (SELECT 1 FROM events);

        CREATE TABLE erased (hash BLOB PRIMARY KEY, time INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TRIGGER erased_added AFTER INSERT ON erased BEGIN
            UPDATE facts SET value = value + 1 WHERE name = 'erased';
        END;
        CREATE TRIGGER erased_again AFTER UPDATE ON erased BEGIN
            UPDATE facts SET value = value + 1 WHERE name = 'erased';
        END;

        ALTER TABLE erasures ADD COLUMN hash BLOB;
        ALTER TABLE erasures ADD COLUMN user TEXT;
        ALTER TABLE erasures ADD COLUMN last_event INTEGER;
        ALTER TABLE erasures ADD COLUMN last_request INTEGER;

        CREATE TRIGGER items_added AFTER INSERT ON items BEGIN
            UPDATE facts SET value = value + 1 WHERE name = 'items';
        END;
        CREATE TRIGGER items_changed AFTER UPDATE ON items BEGIN
            UPDATE facts SET value = value + 1 WHERE name = 'items';
        END;
        CREATE TRIGGER items_removed AFTER DELETE ON items BEGIN
            UPDATE facts SET value = value + 1 WHERE name = 'items';
        END;

        CREATE TABLE popularity (item TEXT PRIMARY KEY, events INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        INSERT INTO popularity SELECT item, count(*) FROM events GROUP BY item;
        CREATE TRIGGER events_added AFTER INSERT ON events BEGIN
            INSERT INTO popularity VALUES (new.item, 1) ON CONFLICT (item) DO UPDATE SET events = events + 1;
        END;
        CREATE TRIGGER events_removed AFTER DELETE ON events BEGIN
            UPDATE popularity SET events = events - 1 WHERE item = old.item;
            DELETE FROM popularity WHERE item = old.item AND events <= 0;
        END;
        """
}
