"""
A PostgreSQL of one's own, on a loopback port, and what is proven on it.

    with Embedded18() as database:
        with database.connect() as connection:
            connection.execute("select version()")
"""
