"""Upgrades under load: every service replaced instance by instance, with two migrations."""
