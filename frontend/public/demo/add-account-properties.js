// Add custom properties to users
paragon.request("heap", "/add_account_properties", {
  method: "POST",
  body: {
    "app_id": "123456789", 
    "account_id": "Fake Company",
    "properties": {
      "is_in_good_standing": "true",
      "revenue_potential": "123456",
      "account_hq": "United Kingdom",
      "subscription": "Monthly"
    }
  }
});
