"""Rows in and out of the database, one module a noun.

Every function takes an open transaction and never commits. Whatever belongs to a tenant is looked
up with its project id, and where a user is known with the user id too.
"""
